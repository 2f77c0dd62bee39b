#include "plugins/image/request.h"

#include <charconv>
#include <random>

namespace kiln::image_plugin {

ImageOptions image_options(const Json& r) {
    auto text = [&](const char* key) { return r.value(key, std::string()); };
    ImageOptions o;
    o.variant = text("variant"), o.vae = text("vae");
    o.tokenizer = text("tokenizer"), o.prediction = text("prediction");
    std::string precision = r.value("precision", "auto");
    if (precision == "f32") o.precision = Precision::f32;
    if (precision == "f16") o.precision = Precision::f16;
    if (precision == "bf16") o.precision = Precision::bf16;
    return o;
}

// "auto", "off" or a number of pixels.
static std::optional<int> vae_tile(const std::string& text) {
    if (text == "auto") return {};
    if (text == "off") return 0;
    int pixels = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pixels);
    if (error != std::errc() || end != text.data() + text.size() || pixels < 1)
        throw ResultError(
            {Status::usage,
             "vae_tile: expected auto, off or a number of pixels; found \"" + text + '"'});
    return pixels;
}

ImageRequest image_request(Json& r, const sdk::Request& blobs, const ImageInfo& info) {
    if (!r.contains("seed")) r["seed"] = std::random_device()();
    r["width"] = r.value("width", info.width);
    r["height"] = r.value("height", info.height);
    r["sampler"] = r.value("sampler", info.sampler);
    r["cfg"] = r.value("cfg", info.cfg);
    auto picture = [&](const char* name, int channels) -> std::optional<Image> {
        const sdk::Blob* blob = r.contains(name) ? blobs.find(r[name].get<std::string>()) : nullptr;
        if (!blob) return {};
        return take(decode_image(blob->data, std::string(blob->file_name), channels));
    };
    ImageRequest i;
    i.prompt = r["prompt"];
    if (r.contains("negative")) i.negative = r["negative"];
    i.width = r["width"], i.height = r["height"];
    i.steps = r.value("steps", i.steps);
    i.cfg = r["cfg"];
    i.sampler = r["sampler"], i.schedule = r.value("schedule", i.schedule);
    if (r.contains("eta")) i.eta = r["eta"];
    i.seed = r["seed"];
    i.count = r.value("count", i.count), i.batch = r.value("batch", i.batch);
    i.clip_skip = r.value("clip_skip", i.clip_skip);
    i.guidance_rescale = r.value("guidance_rescale", i.guidance_rescale);
    i.two_passes = r.value("two_passes", i.two_passes);
    i.vae_tile = vae_tile(r.value("vae_tile", "auto"));
    i.rng = r.value("rng", i.rng);
    i.init = picture("init", 3), i.mask = picture("mask", 1);
    i.strength = r.value("strength", i.strength);
    i.preview_every = r.value("preview_every", i.preview_every);
    return i;
}

double share_done(std::string_view stage, int step, int total) {
    double part = total > 0 ? double(step) / total : 0;
    if (stage == "denoising") return 0.9 * part;
    return stage == "decoding" ? 0.9 + 0.1 * part : 0;
}

}   // namespace kiln::image_plugin
