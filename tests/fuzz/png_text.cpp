// Any bytes as the chunks of a PNG: either refused, or the texts survive being written and read
// again.
#include <cstdint>
#include <cstdlib>

#include "runtime/io/image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto text = kiln::read_png_text(std::as_bytes(std::span(data, size)), "fuzz");
    if (!text && text.error().status != kiln::Status::bad_file) std::abort();
    // The same bytes as a text, which the writer must carry whatever they are.
    std::string value(reinterpret_cast<const char*>(data), size);
    for (char& c : value)
        if (c == '\0') c = ' ';
    kiln::ImageText written{{"parameters", value}};
    auto png = kiln::encode_png({1, 1, 1, {0}}, written);
    auto read = kiln::read_png_text(png, "own");
    if (!read || *read != written) std::abort();
    return 0;
}
