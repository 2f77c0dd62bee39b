#include "modalities/text/audioldm2_projection.h"

#include "runtime/nn/model_config.h"

namespace kiln {
namespace {

AudioLdm2ProjectionConfig projection_config(const JsonObject& json) {
    AudioLdm2ProjectionConfig c;
    c.clap = positive(json, "text_encoder_dim", c.clap);
    c.text = positive(json, "text_encoder_1_dim", c.text);
    c.width = positive(json, "langauge_model_dim", c.width);   // spelled so in every file
    require(json, "use_learned_position_embedding", false);
    return c;
}

Tensor mark(const Scope& s, const char* name, int width) {
    return reshape(s.weights->vector(s.child(name), width), {1, 1, width});
}

using Sequence = AudioLdm2Projection::Sequence;

Sequence between(const Tensor& begin, const Sequence& x, const Tensor& end) {
    const int64_t n = x.states[0], width = x.states[2];
    const auto each = [&](const Tensor& one) { return broadcast_to(one, {n, 1, width}); };
    const Tensor seen = constant({n, 1}, std::vector<float>(size_t(n), 1.0f));
    return {concat({each(begin), x.states, each(end)}, 1), concat({seen, x.mask, seen}, 1)};
}

}   // namespace

Result<AudioLdm2ProjectionConfig> parse_audioldm2_projection_config(const JsonObject& json) {
    return parse_config(json, projection_config);
}

AudioLdm2Projection::AudioLdm2Projection(Scope s, const AudioLdm2ProjectionConfig& c)
    : clap(s / "projection", c.clap, c.width),
      text(s / "projection_1", c.text, c.width),
      clap_begin(mark(s, "sos_embed", c.width)),
      clap_end(mark(s, "eos_embed", c.width)),
      text_begin(mark(s, "sos_embed_1", c.width)),
      text_end(mark(s, "eos_embed_1", c.width)) {}

Sequence AudioLdm2Projection::operator()(const Sequence& clap_states,
                                         const Sequence& text_states) const {
    const Sequence first =
        between(clap_begin, {clap(clap_states.states), clap_states.mask}, clap_end);
    const Sequence second =
        between(text_begin, {text(text_states.states), text_states.mask}, text_end);
    return {concat({first.states, second.states}, 1), concat({first.mask, second.mask}, 1)};
}

}   // namespace kiln
