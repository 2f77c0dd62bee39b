#include <algorithm>
#include <cmath>

#include "runtime/base/check.h"
#include "runtime/io/audio.h"
#include "runtime/io/audio_stream.h"
#include "runtime/io/file.h"
#include "runtime/io/magic.h"
#include "runtime/io/wav.h"

namespace kiln {
namespace {

// libsndfile's Vorbis encoder keeps what it is given at a time on the stack.
constexpr int64_t kBlock = 4096;

int format_of(const SoundOptions& o) {
    constexpr int kTypes[] = {SF_FORMAT_PCM_16, SF_FORMAT_PCM_24, SF_FORMAT_FLOAT};
    if (o.format == SoundFormat::ogg) return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
    return (o.format == SoundFormat::wav ? SF_FORMAT_WAV : SF_FORMAT_FLAC) | kTypes[int(o.type)];
}

Error unusable(const std::string& fact) { return {Status::usage, fact}; }

Result<void> set_tags(SNDFILE* file, const SoundTags& tags, SoundFormat format) {
    for (const auto& [name, value] : tags) {
        const auto names = sound_tag_names();
        const auto known = std::find_if(names.begin(), names.end(),
                                        [&key = name](const auto& n) { return n.name == key; });
        if (known == names.end()) return unusable("a sound has no tag " + in_quotes(name));
        if (value.find('\0') != value.npos)
            return unusable("the tag " + in_quotes(name) + " holds a zero byte");
        if (format == SoundFormat::wav || value.empty()) continue;   // insert_wav_tags()
        if (sf_set_string(file, known->number, value.c_str()) != 0)
            return unusable("the tag " + in_quotes(name) +
                            " cannot be stored: " + sf_strerror(file));
    }
    return {};
}

// Samples as PCM of `bits`, in the upper bits.
void to_pcm(const float* samples, int64_t count, int bits, int* pcm) {
    const double steps = std::ldexp(1.0, bits - 1);
    for (int64_t i = 0; i < count; i++) {
        const double value =
            std::clamp(std::nearbyint(double(samples[i]) * steps), -steps, steps - 1);
        pcm[i] = int(value) * (1 << (32 - bits));
    }
}

bool write_samples(SNDFILE* file, const Sound& sound, const SoundOptions& o) {
    const bool as_float = o.format == SoundFormat::ogg || o.type == SampleType::f32;
    std::vector<int> pcm(size_t(kBlock * sound.channels));
    for (int64_t at = 0; at < sound.frames(); at += kBlock) {
        const int64_t frames = std::min(kBlock, sound.frames() - at);
        const float* samples = sound.samples.data() + at * sound.channels;
        sf_count_t written = 0;
        if (as_float) {
            written = sf_writef_float(file, samples, frames);
        } else {
            to_pcm(samples, frames * sound.channels, o.type == SampleType::pcm16 ? 16 : 24,
                   pcm.data());
            written = sf_writef_int(file, pcm.data(), frames);
        }
        if (written != frames) return false;
    }
    return true;
}

}   // namespace

Result<std::vector<std::byte>> encode_sound(const Sound& sound, const SoundOptions& o) {
    ensure(sound.channels > 0 && sound.samples.size() % size_t(sound.channels) == 0,
           "a sound's samples fill its frames");
    if (sound.samples.empty()) return unusable("a sound without samples cannot be written");
    if (o.format == SoundFormat::flac && o.type == SampleType::f32)
        return unusable("FLAC holds no floating-point samples; take 16 or 24 bits, or WAV");
    const auto& s = sound.samples;
    if (!std::all_of(s.begin(), s.end(), [](float v) { return std::isfinite(v); }))
        return Error{Status::not_finite, "the sound holds NaN or infinity"};
    if (o.format == SoundFormat::wav && sound.samples.size() > size_t(1) << 29)
        return unusable("a WAV file holds at most 2^29 samples; take FLAC");
    SoundMemory memory{.writes = true};
    SF_INFO info{
        .samplerate = sound.sample_rate, .channels = sound.channels, .format = format_of(o)};
    const std::string refused = "a sound of " + std::to_string(sound.channels) + " channels at " +
                                std::to_string(sound.sample_rate) + " Hz cannot be written as " +
                                std::string(media_type(o.format));
    if (sound.sample_rate < 1 || !sf_format_check(&info)) return unusable(refused);
    SoundFile file = open_sound(memory, info);
    if (!file) return unusable(refused + ": " + sf_strerror(nullptr));
    double quality = std::clamp(o.quality, 0.0, 1.0);
    sf_command(file.get(), SFC_SET_VBR_ENCODING_QUALITY, &quality, sizeof quality);
    // It bears the time of writing: the same sound shall be the same file.
    sf_command(file.get(), SFC_SET_ADD_PEAK_CHUNK, nullptr, SF_FALSE);
    if (auto ok = set_tags(file.get(), o.tags, o.format); !ok) return ok.error();
    if (!write_samples(file.get(), sound, o))
        return unusable(refused + ": " + sf_strerror(file.get()));
    file.reset();   // which writes what is pending
    if (o.format == SoundFormat::wav) insert_wav_tags(memory.target, o.tags);
    return std::move(memory.target);
}

Result<void> write_sound(const std::string& path, const Sound& sound, const SoundOptions& options) {
    const auto bytes = encode_sound(sound, options);
    if (!bytes) return bytes.error();
    return write_file(path, *bytes);
}

Result<SoundFormat> sound_format(std::string_view extension) {
    std::string lower(extension);
    for (char& c : lower) c = char(std::tolower(static_cast<unsigned char>(c)));
    if (lower == "wav") return SoundFormat::wav;
    if (lower == "flac") return SoundFormat::flac;
    if (lower == "ogg") return SoundFormat::ogg;
    return unusable("sound is written as wav, flac or ogg, not as " + in_quotes(extension));
}

std::string_view media_type(SoundFormat format) {
    constexpr std::string_view kTypes[] = {"audio/wav", "audio/flac", "audio/ogg"};
    return kTypes[int(format)];
}

}   // namespace kiln
