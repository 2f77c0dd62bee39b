#include "plugins/vocode/result.h"

#include <cstdio>

#include "modalities/audio/distance.h"
#include "modalities/audio/loudness.h"
#include "plugins/builtin/fields.h"

namespace kiln::vocode_plugin {

void centre(Sound& sound, int64_t samples) {
    const int64_t more = std::max<int64_t>(0, sound.frames() - samples);
    sound.samples.erase(sound.samples.begin(), sound.samples.begin() + more / 2);
    sound.samples.resize(size_t(std::min(samples, sound.frames())));
}

std::string compare(const std::shared_ptr<Device>& device, const Sound& sound,
                    const Sound& original, Json& request) {
    const SoundDistance d = take(sound_distance(device, sound.samples, original.samples));
    request["log_spectral_distance"] = d.log_spectral;
    request["multi_resolution_distance"] = d.multi_resolution;
    char text[120];
    std::snprintf(text, sizeof text,
                  "log-spectral distance %.2f dB, multi-resolution STFT distance %.3f",
                  d.log_spectral, d.multi_resolution);
    return text;
}

sdk::Artifact as_file(Sound sound, std::string_view wanted, const std::string& title, Json& request,
                      std::vector<std::byte>& bytes) {
    if (request.contains("rate")) sound = take(resample_sound(sound, request["rate"]));
    request["rate"] = sound.sample_rate;
    LoudnessTarget target{.ceiling = request["ceiling"]};
    if (request.contains("loudness")) target.integrated = request["loudness"].get<double>();
    request["gain"] = normalise_loudness(sound, target);
    SoundOptions o;
    for (SoundFormat format : {SoundFormat::wav, SoundFormat::flac, SoundFormat::ogg})
        if (wanted == media_type(format)) o.format = format;
    o.type = builtin::sample_type(request["bits"]);
    request["version"] = builtin::version();
    o.tags = builtin::sound_tags(title, request);
    bytes = take(encode_sound(sound, o));
    return {0, std::string(media_type(o.format)), title, builtin::text_of(request), bytes};
}

}   // namespace kiln::vocode_plugin
