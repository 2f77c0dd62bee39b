// The small AudioLDM and AudioLDM 2 whose weights a hash makes, and the full-size networks: the
// other half of tools/reference/audioldm.py and audioldm2.py. A golden NAME.json says which files
// and tensors the model has.
#pragma once
#include <array>
#include <fstream>
#include <functional>

#include "modalities/latent/layout.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/support/hashed_model.h"

namespace kiln::test {

inline const fs::path kAudioGoldens = fs::path(KILN_GOLDEN_DIR) / "audio";

inline nlohmann::json audio_golden(const std::string& name) {
    return take(read_json((kAudioGoldens / (name + ".json")).string()));
}

inline Safetensors audio_values(const std::string& name) {
    return take(Safetensors::open((kAudioGoldens / (name + ".safetensors")).string()));
}

// Changes the tensors of one file of a model before it is written.
using EditAudio = std::function<void(const std::string& file, Tensors&)>;

// The folder of a golden's model, without its weights.
inline void write_audio_files(const fs::path& folder, const nlohmann::json& document) {
    for (const auto& [file, content] : document.at("files").items()) {
        fs::create_directories((folder / file).parent_path());
        take(write_file((folder / file).string(), as_bytes(content.dump(1))));
    }
    fs::copy(kAudioGoldens / "roberta", folder / "tokenizer", fs::copy_options::recursive);
    if (document.at("files").at("model_index.json").contains("tokenizer_2"))
        fs::copy(fs::path(KILN_GOLDEN_DIR) / "text" / "t5", folder / "tokenizer_2");
}

// The folder of a small model, with its tokenizers and weights.
inline void write_audio_model(const fs::path& folder, const std::string& name,
                              const EditAudio& edit = {}, DType dtype = DType::f32) {
    const nlohmann::json document = audio_golden(name);
    write_audio_files(folder, document);
    for (const auto& [file, tree] : document.at("tensors").items()) {
        Tensors tensors;
        collect(tree, "", tensors);
        const float gain = document.at("gains").at(file);
        for (auto& [name, tensor] : tensors) {
            tensor.second = weight(name, tensor.first);
            if (name.ends_with("weight"))
                for (float& value : tensor.second) value *= gain;
        }
        if (edit) edit(file, tensors);
        write_tensors(folder / file, tensors, dtype);
    }
}

inline void write_audioldm(const fs::path& folder, const EditAudio& edit = {},
                           DType dtype = DType::f32) {
    write_audio_model(folder, "audioldm", edit, dtype);
}

inline std::vector<float> channels_last(const std::vector<float>& x, int64_t n, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_last(x, result.data(), n, c, int64_t(x.size()) / (n * c), c);
    return result;
}

inline std::vector<float> channels_first(const std::vector<float>& x, int64_t n, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_first(x, result.data(), n, c, int64_t(x.size()) / (n * c));
    return result;
}

// A file of tensors that are all zero, of which the disk holds the names only.
inline void write_shapes(const fs::path& path, const Tensors& tensors) {
    nlohmann::ordered_json header;
    int64_t end = 0;
    for (const auto& [name, tensor] : tensors) {
        const int64_t begin = end;
        end += tensor.first.count() * 2;
        header[name] = {{"dtype", "F16"},
                        {"shape", tensor.first.dims},
                        {"data_offsets", std::array{begin, end}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const uint64_t length = text.size();
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(&length), sizeof length)
        .write(text.data(), std::streamsize(text.size()));
    fs::resize_file(path, sizeof length + text.size() + uint64_t(end));
}

// A tree whose equal parts stand once, by "#n", with all of them in their places.
inline nlohmann::json whole(const nlohmann::json& tree, const nlohmann::json& parts) {
    if (tree.is_string())
        return whole(parts.at(std::stoul(tree.get<std::string>().substr(1))), parts);
    if (!tree.is_object()) return tree;
    nlohmann::json result = nlohmann::json::object();
    for (const auto& [name, below] : tree.items()) result[name] = whole(below, parts);
    return result;
}

}   // namespace kiln::test
