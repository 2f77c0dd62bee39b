// The header of a GGUF file, checked in itself; gguf.h checks it against the file.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "runtime/io/tensor_file.h"

namespace kiln {

// A type of tensor by its number in the file.
struct GgufType {
    uint32_t number;
    std::string_view name;
    int elements, bytes;   // of a block; 1 element for plain types
    std::optional<DType> dtype;
};
const GgufType* gguf_type(uint32_t number);   // null for a number that the format does not have
const GgufType* gguf_type(DType dtype);       // null for what GGUF cannot store

struct GgufHeader {
    std::vector<TensorInfo> tensors;   // in the order of the text; `end` follows from the type
    std::map<std::string, std::string> metadata;
    uint64_t alignment = 32;
    size_t size = 0;   // bytes, without the padding that follows
};

Result<GgufHeader> parse_gguf_header(std::span<const std::byte> bytes, const std::string& where);

}   // namespace kiln
