// One file of named tensors, memory-mapped, whatever its format: safetensors.h and gguf.h open it.
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
    std::string stored_type;      // as the file says: "F16", "F8_E4M3", "Q4_K", ...
    std::optional<DType> dtype;   // none for the formats that Kiln can list but not read
    Shape shape;                  // slowest axis first; the product fits int64
    size_t begin = 0, end = 0;    // bytes, relative to the start of the tensor data

    size_t size() const { return end - begin; }
};

// Any number of threads may read. A file that opens has tensors that lie in it without overlap,
// each as large as its shape and type say.
class TensorFile {
public:
    // By the file's first bytes: GGUF, else safetensors, whose errors say what else it is.
    static Result<TensorFile> open(const std::string& path);

    const std::vector<TensorInfo>& tensors() const {
        return tensors_;
    }                                                      // in the order of the data
    const TensorInfo* find(std::string_view name) const;   // null when absent
    const std::map<std::string, std::string>& metadata() const { return metadata_; }
    const std::string& path() const { return path_; }
    std::string_view format() const { return format_; }         // "safetensors" or "GGUF"
    std::span<const std::byte> data() const { return data_; }   // all tensors

    // The bytes of one of this file's tensors, possibly misaligned for its type: copy, don't cast.
    std::span<const std::byte> bytes(const TensorInfo& info) const;
    // They are not needed soon, see MappedFile::drop().
    void drop(const TensorInfo& info) const { file_.drop(bytes(info)); }
    // Its values; bad_file for a type that Kiln does not read.
    Result<std::vector<float>> values(const TensorInfo& info) const;
    Result<DType> dtype(const TensorInfo& info) const;

protected:
    TensorFile() = default;
    void index();   // after tensors_ is final

    MappedFile file_;
    std::string path_;
    std::string_view format_;
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

}   // namespace kiln
