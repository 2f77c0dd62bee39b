#include "plugins/image/request.h"

#include <charconv>

namespace kiln::image_plugin {

ImageOptions image_options(const Json& r) {
    auto text = [&](const char* key) { return r.value(key, std::string()); };
    ImageOptions o;
    o.variant = text("variant"), o.vae = text("vae");
    o.tokenizer = text("tokenizer"), o.prediction = text("prediction");
    o.precision = builtin::precision_of(r);
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
    r["width"] = r.value("width", info.width);
    r["height"] = r.value("height", info.height);
    auto picture = [&](const char* name, int channels) -> std::optional<Image> {
        const sdk::Blob* blob = builtin::file_of(r, name, blobs);
        if (!blob) return {};
        return take(decode_image(blob->data, std::string(blob->file_name), channels));
    };
    ImageRequest i;
    builtin::read_diffusion(r, info, i);
    i.width = r["width"], i.height = r["height"];
    i.clip_skip = r.value("clip_skip", i.clip_skip);
    i.vae_tile = vae_tile(r.value("vae_tile", "auto"));
    i.init = picture("init", 3), i.mask = picture("mask", 1);
    i.strength = r.value("strength", i.strength);
    i.preview_every = r.value("preview_every", i.preview_every);
    return i;
}

}   // namespace kiln::image_plugin
