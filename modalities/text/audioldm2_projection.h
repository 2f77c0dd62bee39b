// What joins AudioLDM 2's two text encoders into one sequence for its language model: each is
// projected, and stands between two learned marks. Liu et al. AudioLDM 2. 2024; names are those of
// diffusers (AudioLDM2ProjectionModel).
#pragma once
#include "runtime/nn/layers.h"

namespace kiln {

class JsonObject;   // runtime/io/json.h

struct AudioLdm2ProjectionConfig {
    int clap = 512, text = 1024;   // widths of the two encoders
    int width = 768;               // of the language model
};

// A model for speech, with learned positions, is refused.
Result<AudioLdm2ProjectionConfig> parse_audioldm2_projection_config(const JsonObject& json);

struct AudioLdm2Projection {
    struct Sequence {
        Tensor states;   // [n, s, width]
        Tensor mask;     // f32 [n, s]: 1 where there is something to see
    };
    Linear clap, text;
    Tensor clap_begin, clap_end, text_begin, text_end;   // [1, 1, width] each

    AudioLdm2Projection(Scope s, const AudioLdm2ProjectionConfig& c);

    // clap_states [n, s1, clap], text_states [n, s2, text] and their masks f32 [n, s1], [n, s2]:
    // begin, clap, end, begin, text, end. s = s1 + s2 + 4.
    Sequence operator()(const Sequence& clap_states, const Sequence& text_states) const;
};

}   // namespace kiln
