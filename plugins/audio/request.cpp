#include "plugins/audio/request.h"

namespace kiln::audio_plugin {

AudioOptions audio_options(const Json& r) {
    AudioOptions o;
    o.variant = r.value("variant", std::string());
    o.tokenizer = r.value("tokenizer", std::string());
    o.precision = builtin::precision_of(r);
    return o;
}

std::optional<Sound> sound_of(const Json& r, const char* name, const sdk::Request& blobs) {
    const sdk::Blob* blob = builtin::file_of(r, name, blobs);
    if (!blob) return {};
    return take(decode_sound(blob->data, std::string(blob->file_name)));
}

AudioRequest audio_request(Json& r, const sdk::Request& blobs, const AudioInfo& info) {
    AudioRequest a;
    a.init = sound_of(r, "init", blobs);
    r["seconds"] = r.value("seconds", a.init ? a.init->seconds() : info.seconds);
    r["steps"] = r.value("steps", info.steps);
    builtin::read_diffusion(r, info, a);
    a.seconds = r["seconds"], a.loop = r.value("loop", a.loop);
    a.vocoder = r.value("vocoder", a.vocoder);
    if (r.contains("window")) a.window = r["window"];
    if (r.contains("strength")) a.strength = r["strength"];
    if (r.contains("repaint_from") || r.contains("repaint_to"))
        a.repaint = AudioSpan{r.value("repaint_from", 0.0), r.value("repaint_to", a.seconds)};
    return a;
}

}   // namespace kiln::audio_plugin
