// The small Stable Audio whose weights a hash makes: the other half of
// tools/reference/stable_audio_pipeline.py.
#pragma once
#include "tests/audio/models.h"

namespace kiln::test {

// The folder of a golden's model, without its weights.
inline void write_stable_audio_files(const fs::path& folder, const nlohmann::json& document) {
    for (const auto& [file, content] : document.at("files").items()) {
        fs::create_directories((folder / file).parent_path());
        take(write_file((folder / file).string(), as_bytes(content.dump(1))));
    }
    fs::copy(fs::path(KILN_GOLDEN_DIR) / "text" / "t5", folder / "tokenizer");
}

// The folder of the small model, with its tokenizer and weights.
inline void write_stable_audio(const fs::path& folder, const EditAudio& edit = {},
                               DType dtype = DType::f32) {
    const nlohmann::json document = audio_golden("stable_audio_pipeline");
    write_stable_audio_files(folder, document);
    for (const auto& [file, tree] : document.at("tensors").items()) {
        Tensors tensors;
        collect(tree, "", tensors);
        for (auto& [name, tensor] : tensors) {
            tensor.second = weight(name, tensor.first);
            if (!name.ends_with("weight_g")) continue;
            tensor.second = noise(name, tensor.first.count(), 0.3f, 1 / 0.3f);
            const float gain = name == "decoder.conv2.weight_g" ? float(document.at("gain")) : 1;
            for (float& v : tensor.second) v *= gain;
        }
        if (edit) edit(file, tensors);
        write_tensors(folder / file, tensors, dtype);
    }
}

}   // namespace kiln::test
