// What tests of models share: weights and inputs that a hash makes, files of them, and comparison
// with goldens. noise() and weight() are those of tools/reference/models.py.
#pragma once
#include <cmath>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <unistd.h>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/io/safetensors.h"

namespace kiln::test {

namespace fs = std::filesystem;

// Uniform in [-1, 1), a multiple of 2^-23: splitmix64 of FNV-1a of the name and the position.
inline std::vector<float> noise(const std::string& name, int64_t count) {
    uint64_t seed = 0xcbf29ce484222325ull;
    for (unsigned char byte : name) seed = (seed ^ byte) * 0x100000001b3ull;
    std::vector<float> values;
    for (uint64_t i = 1; i <= uint64_t(count); i++) {
        uint64_t z = seed + i * 0x9e3779b97f4a7c15ull;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        z ^= z >> 31;
        values.push_back(float(z >> 40) * 0x1p-23f - 1.0f);
    }
    return values;
}

inline std::vector<float> noise(const std::string& name, int64_t count, float scale,
                                float shift = 0) {
    std::vector<float> values = noise(name, count);
    for (float& value : values) value = (value + shift) * scale;
    return values;
}

inline std::vector<float> weight(const std::string& name, const Shape& shape) {
    std::vector<float> values = noise(name, shape.count());
    float scale = 0.125f, shift = 0;
    if (name.ends_with("embedding.weight"))
        scale = 0.5f;
    else if (shape.rank() >= 2)
        scale = float(std::sqrt(3.0 / double(shape.count() / shape[0])));
    else if (name.ends_with("weight"))
        scale = 0.25f, shift = 1;
    for (float& value : values) value = shift + value * scale;
    return values;
}

// A folder that goes away with the object.
struct TemporaryFolder {
    fs::path path;
    explicit TemporaryFolder(const std::string& name)
        : path(fs::temp_directory_path() / ("kiln-" + name + "-" + std::to_string(getpid()))) {
        fs::remove_all(path);
        fs::create_directories(path);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() { fs::remove_all(path); }
};

using Tensors = std::map<std::string, std::pair<Shape, std::vector<float>>>;

inline void collect(const nlohmann::json& tree, const std::string& path, Tensors& tensors) {
    for (const auto& [part, below] : tree.items()) {
        const std::string name = path.empty() ? part : path + "." + part;
        if (below.is_object())
            collect(below, name, tensors);
        else
            tensors[name] = {Shape(below.get<std::vector<int64_t>>()), {}};
    }
}

using TypedTensors = std::vector<std::pair<Tensors, DType>>;

inline void write_tensors(const fs::path& file, const TypedTensors& groups) {
    std::vector<std::vector<std::byte>> storage;
    std::vector<TensorToWrite> list;
    for (const auto& [tensors, dtype] : groups)
        for (const auto& [name, tensor] : tensors) {
            auto& bytes = storage.emplace_back(tensor.second.size() * size_of(dtype));
            from_f32(dtype, tensor.second.data(), bytes.data(), tensor.second.size());
            list.push_back({name, dtype, tensor.first, bytes});
        }
    fs::create_directories(file.parent_path());
    take(write_safetensors(file.string(), list));
}

inline void write_tensors(const fs::path& file, const Tensors& tensors, DType dtype = DType::f32) {
    write_tensors(file, TypedTensors{{tensors, dtype}});
}

inline double relative_l2(const std::vector<float>& found, const std::vector<float>& expected) {
    double difference = 0, size = 0;
    for (size_t i = 0; i < std::min(found.size(), expected.size()); i++) {
        difference += (double(found[i]) - expected[i]) * (double(found[i]) - expected[i]);
        size += double(expected[i]) * expected[i];
    }
    return found.size() == expected.size() ? std::sqrt(difference / size) : INFINITY;
}

inline std::vector<float> expected(const Safetensors& goldens, const std::string& name) {
    const TensorInfo* info = goldens.find(name);
    ensure(info, "a golden of that name");
    return take(goldens.values(*info));
}

}   // namespace kiln::test
