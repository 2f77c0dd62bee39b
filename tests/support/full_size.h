// Networks at full size with random weights in half precision, by the goldens full_NAME.json.
#pragma once
#include <cstring>

#include "modalities/latent/layout.h"
#include "runtime/nn/weights.h"
#include "runtime/io/json.h"
#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

namespace kiln::test {

// A network's weights in a file that goes with it, one f16 tensor at a time in memory before that.
struct FullSize {
    nlohmann::json document;
    TemporaryFolder folder;
    std::shared_ptr<Device> device;
    Safetensors goldens;

    // Goldens of one folder of tests/golden. `fixed` are tensors of one value, which no hash makes.
    FullSize(const std::string& of, const std::string& name,
             std::shared_ptr<Device> on = test_device(),
             const std::map<std::string, float>& fixed = {})
        : document(take(read_json(golden(of, name) + ".json"))),
          folder("full-" + name),
          device(std::move(on)),
          goldens(take(Safetensors::open(golden(of, name) + ".safetensors"))) {
        std::vector<TensorToWrite> tensors;
        std::vector<std::vector<std::byte>> storage;
        add(document.at("tensors"), "", tensors, storage);
        for (const auto& [name, value] : fixed) {
            auto& bytes = storage.emplace_back(sizeof value);
            std::memcpy(bytes.data(), &value, sizeof value);
            tensors.push_back({name, DType::f32, Shape{}, {}});
        }
        for (size_t i = 0; i < tensors.size(); i++) tensors[i].bytes = storage[i];
        take(write_safetensors(path(), tensors));
    }
    static std::string golden(const std::string& of, const std::string& name) {
        return (fs::path(KILN_GOLDEN_DIR) / of / ("full_" + name)).string();
    }
    std::string path() const { return (folder.path / "weights.safetensors").string(); }
    Weights weights(WeightsOptions options = {}) const {
        return {device, std::make_shared<TensorFiles>(take(TensorFiles::open(path()))),
                std::move(options)};
    }
    JsonObject config() const { return {document.at("config"), "config"}; }

    // Subtrees that are equal stand once in "parts", by "#n".
    void add(const nlohmann::json& tree, const std::string& name,
             std::vector<TensorToWrite>& tensors, std::vector<std::vector<std::byte>>& storage) {
        if (tree.is_string())
            return add(document.at("parts").at(std::stoul(tree.get<std::string>().substr(1))), name,
                       tensors, storage);
        if (tree.is_object()) {
            for (const auto& [part, below] : tree.items())
                add(below, name.empty() ? part : name + "." + part, tensors, storage);
            return;
        }
        const Shape shape(tree.get<std::vector<int64_t>>());
        const std::vector<float> values = weight(name, shape);
        auto& bytes = storage.emplace_back(values.size() * sizeof(uint16_t));
        from_f32(DType::f16, values.data(), bytes.data(), values.size());
        tensors.push_back({name, DType::f16, shape, {}});
    }
};

inline std::vector<float> channels_last(const std::vector<float>& x, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_last(x, result.data(), 1, c, int64_t(x.size()) / c, c);
    return result;
}

}   // namespace kiln::test
