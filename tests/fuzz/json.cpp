// Any bytes as JSON: either refused, or a document that survives being written and read again.
#include "runtime/io/json.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    auto document = kiln::parse_json(text, "fuzz");
    if (!document) {
        if (document.error().status != kiln::Status::bad_file) std::abort();
        return 0;
    }
    auto again = kiln::parse_json(document->dump(), "again");
    if (!again || *again != *document) std::abort();
    kiln::JsonObject object(*document, "fuzz");
    if (!object.check()) return 0;
    for (const auto& [key, value] : document->items()) {
        (void)object.integer(key, 1);
        (void)object.number(key, 1.0);
        (void)object.string(key, "");
        (void)object.integers(key, std::vector<int64_t>{});
        (void)object.strings(key, std::vector<std::string>{});
        (void)object.object(key);
    }
    return 0;
}
