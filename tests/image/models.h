// Small models whose weights a hash makes: the other half of tools/reference/models.py. A golden
// NAME.json says which files and tensors a model's folder has; write_model() makes the folder.
#pragma once
#include <functional>

#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/support/hashed_model.h"

namespace kiln::test {

inline const fs::path kImageGoldens = fs::path(KILN_GOLDEN_DIR) / "image";

inline nlohmann::json golden_document(const std::string& name) {
    return take(read_json((kImageGoldens / (name + ".json")).string()));
}

inline void write_tokenizer(const fs::path& folder, const nlohmann::json& spec) {
    const bool clip = spec.at("kind") == "clip";
    const fs::path source = clip ? fs::path(KILN_SOURCE_DIR) / "modalities/text/clip_bpe"
                                 : fs::path(KILN_GOLDEN_DIR) / "text/small";
    fs::create_directories(folder);
    for (const char* name : {"vocab.json", "merges.txt"})
        if (fs::exists(source / name))
            fs::copy_file(source / name, folder / name, fs::copy_options::overwrite_existing);
    nlohmann::json config = take(read_json((source / "tokenizer_config.json").string()));
    if (!spec.at("pad").is_null()) config["pad_token"] = spec.at("pad");
    take(write_file((folder / "tokenizer_config.json").string(), as_bytes(config.dump())));
}

// Changes the tensors of one file of a model before it is written.
using Edit = std::function<void(const std::string& file, Tensors&)>;

// The folder of a model, with weights; `edit` sees each weights file.
inline void write_model(const std::string& name, const fs::path& folder, const Edit& edit = {},
                        DType dtype = DType::f32) {
    const nlohmann::json document = golden_document(name);
    for (const auto& [file, content] : document.at("files").items()) {
        fs::create_directories((folder / file).parent_path());
        take(write_file((folder / file).string(), as_bytes(content.dump(1))));
    }
    for (const auto& [name, spec] : document.at("tokenizers").items())
        write_tokenizer(folder / name, spec);
    for (const auto& [file, tree] : document.at("tensors").items()) {
        Tensors tensors;
        collect(tree, "", tensors);
        for (auto& [name, tensor] : tensors) tensor.second = weight(name, tensor.first);
        if (edit) edit(file, tensors);
        write_tensors(folder / file, tensors, dtype);
    }
}

}   // namespace kiln::test
