#include "plugins/audio/sound_file.h"

#include "modalities/audio/high_band.h"
#include "modalities/audio/loudness.h"
#include "modalities/audio/spectrogram_image.h"

namespace kiln::audio_plugin {

SoundOptions sound_options(const Json& r, std::string_view asked) {
    SoundOptions o;
    const std::string format = r.value("format", std::string());
    if (!format.empty()) o.format = take(sound_format(format));
    if (!asked.empty() && (format.empty() || asked != media_type(o.format))) {
        if (!format.empty())
            usage("format: " + format + " is not what the file's name asks for, " +
                  std::string(asked));
        const std::string_view prefix = "audio/";
        if (!asked.starts_with(prefix)) usage("a sound is no " + std::string(asked));
        o.format = take(sound_format(asked.substr(prefix.size())));
    }
    o.type = builtin::sample_type(r.value("bits", 16));
    if (o.type == SampleType::f32 && o.format == SoundFormat::flac)
        usage("bits: FLAC holds 16 or 24");
    return o;
}

void check_high_band(const Json& r, int sample_rate) {
    constexpr int kHighest = 24000;
    if (r.value("high_band", false) && sample_rate > kHighest)
        usage("high_band: this model makes " + std::to_string(sample_rate) +
              " samples a second, which hold all that can be heard; this is for models with at "
              "most " +
              std::to_string(kHighest));
}

Sound with_high_band(const std::shared_ptr<Device>& device, const Sound& sound, const Json& r) {
    return r.value("high_band", false) ? take(restore_high_band(device, sound)) : sound;
}

std::vector<std::byte> sound_file(Sound sound, const Json& r, SoundOptions options) {
    if (r.contains("rate")) sound = take(resample_sound(sound, r["rate"]));
    if (r.contains("loudness"))
        normalise_loudness(sound, {.integrated = r["loudness"].get<double>()});
    options.tags = builtin::sound_tags(r["prompt"], r);
    return take(encode_sound(sound, options));
}

std::vector<std::byte> spectrogram_file(const std::shared_ptr<Device>& device, const Sound& sound,
                                        const Json& r) {
    if (!r.value("spectrogram", false)) return {};
    const Image image = take(spectrogram_image(device, sound.samples, sound.sample_rate));
    return encode_png(image, {{"kiln", builtin::text_of(r)}});
}

}   // namespace kiln::audio_plugin
