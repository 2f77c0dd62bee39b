// What a folder of AudioLDM 2 holds beside AudioLDM's components.
#include <algorithm>

#include "modalities/audio/checkpoint.h"
#include "modalities/latent/model_folder.h"
#include "modalities/latent/single_file.h"

namespace kiln {

int AudioLdm2Language::longest() const {
    constexpr int kOthers = 5;   // CLAP's vector, and the marks around both texts
    return std::min(tokenizer.max_length(), gpt2.positions - kOthers - (gpt2.generated - 1));
}

void read_language(const ModelFolder& folder, const AudioLdmOptions& options, AudioLdm& m) {
    AudioLdm2Language& l = m.language.emplace();
    l.tokenizer =
        take(Tokenizer::open((folder.root() / "tokenizer_2").string(), TokenizerKind::t5));
    folder.expect_class("text_encoder_2", "T5EncoderModel");
    folder.expect_class("projection_model", "AudioLDM2ProjectionModel");
    // The first publication named the model without its head, which is not used.
    if (folder.class_of("language_model") != "GPT2Model")
        folder.expect_class("language_model", "GPT2LMHeadModel");
    const ModelFolder::Config t5 = folder.config("text_encoder_2"),
                              projection = folder.config("projection_model"),
                              gpt2 = folder.config("language_model");
    l.t5 = take(parse_t5_config(t5.object()));
    l.projection = take(parse_audioldm2_projection_config(projection.object()));
    l.gpt2 = take(parse_gpt2_config(gpt2.object()));
    l.t5_part.files = folder.weights("text_encoder_2", options.variant);
    l.projection_part.files = folder.weights("projection_model", options.variant);
    l.gpt2_part.files = folder.weights("language_model", options.variant);
    l.gpt2_part.names = gpt2_names(names_in(*l.gpt2_part.files));
    // The text encoder is all of CLAP, of which the other half hears.
    for (const std::string& name : names_in(*m.text_part.files))
        if (name.starts_with("audio_model.") || name.starts_with("audio_projection.") ||
            name.starts_with("logit_scale"))
            m.expected_unused.push_back(name);
}

}   // namespace kiln
