// The safetensors format: eight bytes of header length, a JSON header, raw little-endian tensors.
// Source: https://huggingface.co/docs/safetensors, and what its reference implementation refuses.
#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/io/tensor_file.h"

namespace kiln {

// Everything in the header is checked once, in open(): a file that opens has tensors that lie in it
// side by side, without overlap or gap, each as large as its shape and type say.
class Safetensors : public TensorFile {
public:
    // Any defect is Status::bad_file with the file, the tensor, what was expected and what was
    // found. A file in another format is refused by its name, with what to do about it.
    static Result<Safetensors> open(const std::string& path);
    // The same checks on bytes in memory, which must outlive the result.
    static Result<Safetensors> parse(std::span<const std::byte> bytes, const std::string& where);
};

// Writes a file that appears whole or not at all. Tensors are laid out by falling element size,
// then by name, and the data begins at a multiple of eight, so that every tensor is aligned. Names
// must differ, sizes must match the shapes and no type may be of blocks (invariants of the caller).
Result<void> write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata = {});

// One tensor's type by the name that safetensors gives it; F32 and f32.
std::string_view safetensors_name(DType type);

}   // namespace kiln
