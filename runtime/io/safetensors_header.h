// The JSON header of a safetensors file, checked in itself; safetensors.h checks it against the
// file.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/io/safetensors.h"

namespace kiln {

struct SafetensorsHeader {
    std::vector<TensorInfo> tensors;   // in the order of the text
    std::map<std::string, std::string> metadata;
};

// Reads the header without building a document, so that memory stays in proportion to its tensors.
Result<SafetensorsHeader> parse_safetensors_header(std::string_view text, const std::string& where);

// Bits of one element by the type's name in the file; 0 for a name that the format does not have.
int bits_of_stored_type(std::string_view name);
std::optional<DType> dtype_of_stored_type(std::string_view name);

}   // namespace kiln
