// The small whole CLAP model whose weights a hash makes: the other half of
// tools/reference/clap_similarity.py.
#pragma once
#include "runtime/io/file.h"
#include "tests/audio/models.h"

namespace kiln::test {

// Of both towers of a CLAP model: a hash's, with variances above zero.
inline void fill_clap(Tensors& tensors) {
    for (auto& [name, tensor] : tensors) {
        tensor.second = weight(name, tensor.first);
        if (name.ends_with("running_var"))
            for (float& value : tensor.second) value = std::abs(value) * 4 + 0.5f;
    }
}

// Its folder as transformers writes it; or in `pipeline`, as diffusers lays it out.
inline void write_clap(const fs::path& folder, bool pipeline = false) {
    const nlohmann::json document = audio_golden("clap_similarity");
    const auto place = [&](const char* component) {
        const fs::path at = pipeline ? folder / component : folder;
        fs::create_directories(at);
        return at;
    };
    const auto write = [](const fs::path& path, const nlohmann::json& content) {
        take(write_file(path.string(), as_bytes(content.dump(1))));
    };
    const nlohmann::json& files = document.at("files");
    write(place("text_encoder") / "config.json", files.at("config.json"));
    write(place("feature_extractor") / "preprocessor_config.json",
          files.at("preprocessor_config.json"));
    fs::copy(kAudioGoldens / "roberta", place("tokenizer"), fs::copy_options::recursive);
    if (pipeline) write(folder / "model_index.json", {{"_class_name", "AudioLDM2Pipeline"}});
    Tensors tensors;
    collect(document.at("tensors"), "", tensors);
    fill_clap(tensors);
    write_tensors(place("text_encoder") / "model.safetensors", tensors);
}

}   // namespace kiln::test
