// Any bytes as a GGUF file: either refused, or every tensor it lists can be read.
#include "runtime/io/gguf.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    auto bytes = std::as_bytes(std::span(data, size));
    auto file = kiln::Gguf::parse(bytes, "fuzz");
    if (!file) {
        if (file.error().status != kiln::Status::bad_file || file.error().message.empty())
            std::abort();
        return 0;
    }
    size_t total = 0;
    for (const kiln::TensorInfo& info : file->tensors()) {
        total += file->bytes(info).size();
        if (file->find(info.name) != &info) std::abort();
        auto values = file->values(info);
        if (values && int64_t(values->size()) != info.shape.count()) std::abort();
    }
    if (total > file->data().size()) std::abort();
    return 0;
}
