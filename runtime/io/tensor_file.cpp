#include "runtime/io/tensor_file.h"

#include <algorithm>

#include "runtime/io/gguf.h"
#include "runtime/io/magic.h"
#include "runtime/io/safetensors.h"

namespace kiln {

Result<TensorFile> TensorFile::open(const std::string& path) {
    auto mapped = MappedFile::open(path);
    if (!mapped) return mapped.error();
    const auto bytes = mapped->bytes();
    const bool gguf = kind_of_file(bytes.first(std::min<size_t>(bytes.size(), 64))) == kGgufKind;
    const auto parsed = [&]() -> Result<TensorFile> {
        if (gguf) {
            auto file = Gguf::parse(bytes, path);
            return file ? Result<TensorFile>(std::move(*file)) : file.error();
        }
        auto file = Safetensors::parse(bytes, path);
        return file ? Result<TensorFile>(std::move(*file)) : file.error();
    };
    auto file = parsed();
    if (file) file->file_ = std::move(*mapped);
    return file;
}

void TensorFile::index() {
    for (size_t i = 0; i < tensors_.size(); i++) by_name_[tensors_[i].name] = i;
}

const TensorInfo* TensorFile::find(std::string_view name) const {
    auto entry = by_name_.find(name);
    return entry == by_name_.end() ? nullptr : &tensors_[entry->second];
}

std::span<const std::byte> TensorFile::bytes(const TensorInfo& info) const {
    ensure(info.begin <= info.end && info.end <= data_.size(), "a tensor of this file");
    return data_.subspan(info.begin, info.size());
}

Result<DType> TensorFile::dtype(const TensorInfo& info) const {
    if (info.dtype) return *info.dtype;
    return Error{Status::bad_file, path_ + ": tensor " + in_quotes(info.name) +
                                       ": Kiln does not read values of type " + info.stored_type};
}

Result<std::vector<float>> TensorFile::values(const TensorInfo& info) const {
    auto type = dtype(info);
    if (!type) return type.error();
    std::vector<float> values(static_cast<size_t>(info.shape.count()));
    to_f32(*type, bytes(info).data(), values.data(), values.size());
    return values;
}

}   // namespace kiln
