#include "plugins/audio/request.h"

#include <algorithm>
#include <random>

namespace kiln::audio_plugin {

AudioOptions audio_options(const Json& r) {
    AudioOptions o;
    o.variant = r.value("variant", std::string()),
    o.tokenizer = r.value("tokenizer", std::string());
    const std::string precision = r.value("precision", "auto");
    if (precision == "f32") o.precision = Precision::f32;
    if (precision == "f16") o.precision = Precision::f16;
    if (precision == "bf16") o.precision = Precision::bf16;
    return o;
}

static std::optional<Sound> sound(const Json& r, const char* name, const sdk::Request& blobs) {
    const sdk::Blob* blob = r.contains(name) ? blobs.find(r[name].get<std::string>()) : nullptr;
    if (!blob) return {};
    return take(decode_sound(blob->data, std::string(blob->file_name)));
}

AudioRequest audio_request(Json& r, const sdk::Request& blobs, const AudioInfo& info) {
    AudioRequest a;
    a.init = sound(r, "init", blobs);
    if (!r.contains("seed")) r["seed"] = std::random_device()();
    r["seconds"] = r.value("seconds", a.init ? a.init->seconds() : info.seconds);
    r["sampler"] = r.value("sampler", info.sampler);
    r["cfg"] = r.value("cfg", info.cfg);
    a.prompt = r["prompt"];
    if (r.contains("negative")) a.negative = r["negative"];
    a.seconds = r["seconds"], a.loop = r.value("loop", a.loop);
    a.steps = r.value("steps", a.steps), a.cfg = r["cfg"];
    a.sampler = r["sampler"], a.schedule = r.value("schedule", a.schedule);
    if (r.contains("eta")) a.eta = r["eta"];
    a.seed = r["seed"];
    a.count = r.value("count", a.count), a.batch = r.value("batch", a.batch);
    a.guidance_rescale = r.value("guidance_rescale", a.guidance_rescale);
    a.two_passes = r.value("two_passes", a.two_passes);
    a.rng = r.value("rng", a.rng);
    if (r.contains("window")) a.window = r["window"];
    if (r.contains("strength")) a.strength = r["strength"];
    if (r.contains("repaint_from") || r.contains("repaint_to"))
        a.repaint = AudioSpan{r.value("repaint_from", 0.0), r.value("repaint_to", a.seconds)};
    return a;
}

double share_done(std::string_view stage, int step, int total) {
    const double part = total > 0 ? double(step) / total : 0;
    if (stage == "denoising") return 0.8 * part;
    if (stage == "decoding") return 0.8 + 0.1 * part;
    return stage == "vocoding" ? 0.9 + 0.1 * part : 0;
}

}   // namespace kiln::audio_plugin
