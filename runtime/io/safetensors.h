// The safetensors format: eight bytes of header length, a JSON header, raw little-endian tensors.
// Source: https://huggingface.co/docs/safetensors, and what its reference implementation refuses.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/result.h"
#include "runtime/base/shape.h"
#include "runtime/io/mapped_file.h"

namespace kiln {

struct TensorInfo {
    std::string name;
    std::string stored_type;      // as the file says: "F16", "F8_E4M3", "F4", ...
    std::optional<DType> dtype;   // none for the formats that Kiln can list but not read
    Shape shape;                  // as the file says; no extent is negative, the product fits int64
    size_t begin = 0, end = 0;    // bytes, relative to the start of the tensor data

    size_t size() const { return end - begin; }
};

// An open file, memory-mapped; any number of threads may read. Everything in the header is checked
// once, in open(): a file that opens has tensors that lie in it side by side, without overlap or
// gap, each as large as its shape and type say.
class Safetensors {
public:
    // Any defect is Status::bad_file with the file, the tensor, what was expected and what was
    // found. A file in another format is refused by its name, with what to do about it.
    static Result<Safetensors> open(const std::string& path);
    // The same checks on bytes in memory, which must outlive the result.
    static Result<Safetensors> parse(std::span<const std::byte> bytes, const std::string& where);

    const std::vector<TensorInfo>& tensors() const {
        return tensors_;
    }                                                      // in the order of the data
    const TensorInfo* find(std::string_view name) const;   // null when absent
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    const std::string& path() const { return path_; }
    std::span<const std::byte> data() const { return data_; }   // all tensors

    // The bytes of one of this file's tensors, possibly misaligned for its type: copy, don't cast.
    std::span<const std::byte> bytes(const TensorInfo& info) const;
    // Its values; bad_file for a type that Kiln does not read.
    Result<std::vector<float>> values(const TensorInfo& info) const;
    Result<DType> dtype(const TensorInfo& info) const;

private:
    MappedFile file_;
    std::string path_;
    std::vector<TensorInfo> tensors_;
    std::unordered_map<std::string_view, size_t> by_name_;   // views into tensors_
    std::map<std::string, std::string> metadata_;
    std::span<const std::byte> data_;
};

struct TensorToWrite {
    std::string name;
    DType dtype;
    Shape shape;
    std::span<const std::byte> bytes;
};

// Writes a file that appears whole or not at all. Tensors are laid out by falling element size,
// then by name, and the data begins at a multiple of eight, so that every tensor is aligned. Names
// must differ and sizes must match the shapes (both are invariants of the caller).
Result<void> write_safetensors(const std::string& path, std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata = {});

// One tensor's type by the name that safetensors gives it; F32 and f32.
std::string_view safetensors_name(DType type);

}   // namespace kiln
