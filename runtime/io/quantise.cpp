#include "runtime/io/quantise.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/base/blocks.h"
#include "runtime/io/gguf_header.h"
#include "runtime/io/magic.h"

namespace kiln {
namespace {

bool is_table(std::string_view name) {
    constexpr std::array<std::string_view, 4> parts = {"token_embedding", "position_embedding",
                                                       "positional_embedding", "embed_tokens"};
    return std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return name.find(part) != name.npos; });
}

// For rows that are whole blocks of 32 but not of 256.
DType small_form(DType type) {
    switch (type) {
        case DType::q4_k: return DType::q5_0;
        case DType::q5_k: return DType::q5_1;
        case DType::q6_k: return DType::q8_0;
        default: return type;
    }
}

Error bad(const TensorFiles& model, const std::string& name, const std::string& why) {
    return {Status::bad_file, model.path() + ": tensor " + in_quotes(name) + ": " + why};
}

Result<void> check(const TensorFiles& model, const std::string& name, const TensorInfo& info) {
    if (!info.dtype)
        return bad(model, name, "Kiln does not read values of type " + info.stored_type);
    if (!is_float(*info.dtype) && !gguf_type(*info.dtype))
        return bad(model, name, "GGUF has no type " + info.stored_type);
    if (info.shape.rank() > 4) return bad(model, name, "has more than the four axes of GGUF");
    if (name.ends_with(".scale_weight") || name.ends_with(".weight_scale"))
        return bad(model, name, "scales fp8 weights; quantise the model in 16 bits instead");
    return {};
}

std::vector<std::byte> bytes_as(const TensorFiles::Entry& entry, DType type) {
    const auto stored = entry.file->bytes(*entry.info);
    if (type == *entry.info->dtype) return {stored.begin(), stored.end()};
    const std::vector<float> values = take(entry.file->values(*entry.info));
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
        throw ResultError({Status::not_finite, entry.file->path() + ": tensor " +
                                                   in_quotes(entry.info->name) +
                                                   " holds NaN or infinity"});
    std::vector<std::byte> bytes(bytes_of(type, int64_t(values.size())));
    from_f32(type, values.data(), bytes.data(), values.size());
    return bytes;
}

}   // namespace

DType quantised_form(const TensorInfo& tensor, DType type) {
    const DType stored = tensor.dtype.value_or(DType::f32);
    if (!is_float(stored)) return stored;
    if (tensor.shape.rank() < 2) return stored == DType::f16 ? DType::f16 : DType::f32;
    const auto whole = [&](DType t) {
        return is_block(t) && tensor.shape[-1] % block_format(t).elements == 0;
    };
    if (tensor.shape.rank() != 2 || is_table(tensor.name)) return DType::f16;
    return whole(type) ? type : whole(small_form(type)) ? small_form(type) : DType::f16;
}

Result<void> write_quantised(const std::string& path, const TensorFiles& model, DType type,
                             const std::function<void(size_t, size_t)>& progress) {
    std::vector<GgufTensor> tensors;
    std::vector<TensorFiles::Entry> entries;
    for (const auto& [name, entry] : model.entries()) {
        if (auto good = check(model, name, *entry.info); !good) return good;
        tensors.push_back({name, quantised_form(*entry.info, type), entry.info->shape});
        entries.push_back(entry);
    }
    auto metadata = model.metadata();
    for (const char* key : {"general.quantization_version", "general.alignment"})
        metadata.erase(key);
    std::erase_if(metadata, [](const auto& m) { return m.first.starts_with("comfy.gguf."); });
    try {
        return write_gguf(path, tensors, metadata, [&](size_t i) {
            if (progress) progress(i, tensors.size());
            return bytes_as(entries[i], tensors[i].dtype);
        });
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
