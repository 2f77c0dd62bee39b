#include "modalities/nerf/field_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "runtime/io/safetensors.h"

namespace kiln {
namespace {

constexpr std::string_view kVersion = "1";

Error bad(const std::string& path, const std::string& fact) {
    return {Status::bad_file, path + ": no state of a fit of a radiance field: " + fact};
}

template <class T>
bool number(const std::map<std::string, std::string>& metadata, const std::string& key, T& value) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return false;
    const std::string& text = found->second;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size();
}

// The bytes of a tensor as values of a type of four bytes.
template <class T>
Result<std::vector<T>> part(const Safetensors& opened, const std::string& path, const char* name,
                            DType dtype, size_t count) {
    const TensorInfo* info = opened.find(name);
    const Shape shape{int64_t(count)};
    if (!info || info->dtype != dtype || !(info->shape == shape))
        return bad(path, std::string(name) + " is missing or not " +
                             std::string(safetensors_name(dtype)) + " " + to_string(shape));
    std::vector<T> values(count);
    std::memcpy(values.data(), opened.bytes(*info).data(), count * sizeof(T));
    return values;
}

Result<FieldFile> field_of(const Safetensors& opened, const std::string& path,
                           const FieldExtent& extent) {
    const auto& metadata = opened.metadata();
    const auto version = metadata.find("kiln.field");
    FieldFile file;
    if (version == metadata.end() || version->second != kVersion ||
        !number(metadata, "kiln.field.steps", file.field.steps) ||
        !number(metadata, "kiln.field.rays", file.rays) ||
        !number(metadata, "kiln.field.origin", file.origin))
        return bad(path, "its header does not say which version, step, rays and views it is of");
    struct Wanted {
        const char* name;
        std::vector<float>* values;
        size_t count;
        float least, most;
    };
    constexpr float kMost = 3e38f;
    for (const Wanted& wanted : {Wanted{"parameters", &file.field.parameters, extent.values,
                                        -kMostParameter, kMostParameter},
                                 {"first", &file.field.first, extent.values, -kMost, kMost},
                                 {"second", &file.field.second, extent.values, 0, kMost},
                                 {"densities", &file.densities, extent.cells, -1, kMost}}) {
        auto values = part<float>(opened, path, wanted.name, DType::f32, wanted.count);
        if (!values) return values.error();
        for (const float v : *values)
            if (!(v >= wanted.least && v <= wanted.most))
                return bad(path, std::string(wanted.name) + " holds values that cannot be");
        *wanted.values = std::move(*values);
    }
    auto bits = part<uint32_t>(opened, path, "occupied", DType::u32, (extent.cells + 31) / 32);
    if (!bits) return bits.error();
    file.occupied = std::move(*bits);
    return file;
}

}   // namespace

Result<void> write_field(const std::string& path, const FieldFile& file) {
    std::vector<TensorToWrite> tensors;
    const auto add = [&](const char* name, DType dtype, const auto& values) {
        tensors.push_back(
            {name, dtype, Shape{int64_t(values.size())}, std::as_bytes(std::span(values))});
    };
    add("parameters", DType::f32, file.field.parameters);
    add("first", DType::f32, file.field.first);
    add("second", DType::f32, file.field.second);
    add("densities", DType::f32, file.densities);
    add("occupied", DType::u32, file.occupied);
    return write_safetensors(path, std::move(tensors),
                             {{"kiln.field", std::string(kVersion)},
                              {"kiln.field.steps", std::to_string(file.field.steps)},
                              {"kiln.field.rays", std::to_string(file.rays)},
                              {"kiln.field.origin", std::to_string(file.origin)}});
}

Result<FieldFile> read_field(const std::string& path, const FieldExtent& extent) {
    const auto opened = Safetensors::open(path);
    if (!opened) return opened.error();
    return field_of(*opened, path, extent);
}

Result<FieldFile> parse_field(std::span<const std::byte> bytes, const std::string& where,
                              const FieldExtent& extent) {
    const auto opened = Safetensors::parse(bytes, where);
    if (!opened) return opened.error();
    return field_of(*opened, where, extent);
}

}   // namespace kiln
