// A model's folder as diffusers writes it: model_index.json names the components, each in a folder
// of its own. What is wrong is a ResultError (Status::bad_file) that names file and key.
#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/diffusion/config.h"
#include "runtime/io/json.h"
#include "runtime/io/tensor_files.h"

namespace kiln {

// The snapshot in a folder of the hub's cache (models--owner--name); the folder itself otherwise.
std::filesystem::path snapshot_of(const std::filesystem::path& folder);

class ModelFolder {
public:
    // The folder, or the snapshot_of() it.
    explicit ModelFolder(const std::string& path);

    const std::filesystem::path& root() const { return root_; }
    const std::string& index_file() const { return index_file_; }
    JsonObject index() const { return {document_, index_file_}; }

    // The class of the pipeline, which must be one of `known`.
    std::string pipeline(std::span<const std::string_view> known) const;
    // The class of a component; empty when it is absent or null.
    std::string class_of(const std::string& component) const;
    void expect_class(const std::string& component, std::string_view expected) const;

    struct Config {   // of a component
        nlohmann::json document;
        std::string where;

        JsonObject object() const { return {document, where}; }
    };
    Config config(const std::string& component) const;
    // Of that name, such as "fp16"; empty: the plain ones, else any.
    std::shared_ptr<const TensorFiles> weights(const std::string& component,
                                               const std::string& variant) const;
    SchedulerConfig scheduler() const;

    // Kiln's own keys in model_index.json, over which diffusers passes as they begin with an
    // underscore: `key` within [low, high], or 0 where the model does not say.
    double own_number(const std::string& key, double low, double high) const;
    // One of `choices`, the first where the model does not say.
    std::string own_choice(const std::string& key, const std::vector<std::string>& choices) const;

private:
    std::filesystem::path root_;
    std::string index_file_;
    nlohmann::json document_;
};

}   // namespace kiln
