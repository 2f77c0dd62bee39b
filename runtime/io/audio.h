// Sound as bytes in memory: reading the common formats, writing WAV, FLAC and Ogg Vorbis with tags,
// and resampling.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// Frames from the first, channels interleaved; full scale is [-1, 1].
struct Sound {
    int sample_rate = 0;   // frames a second
    int channels = 0;
    std::vector<float> samples;   // frames * channels

    int64_t frames() const { return channels ? int64_t(samples.size()) / channels : 0; }
    double seconds() const { return sample_rate ? double(frames()) / sample_rate : 0; }
};

// Text that travels in the file, UTF-8: "title", "artist", "album", "date", "genre", "copyright",
// "software" and "comment", each at most once.
using SoundTags = std::vector<std::pair<std::string, std::string>>;

// WAV (RIFF and RF64), AIFF, FLAC, and Ogg Vorbis or Opus. `where` begins every message. What
// is no sound, is cut short or damaged, holds NaN or infinity, has more than 32 channels, a sample
// rate beyond 1 Hz to 768 kHz or more than `max_samples`: Status::bad_file, saying what was seen.
// Memory follows what is decoded, never what a header claims.
Result<Sound> decode_sound(std::span<const std::byte> bytes, const std::string& where,
                           int64_t max_samples = int64_t(1) << 28);
Result<Sound> read_sound(const std::string& path, int64_t max_samples = int64_t(1) << 28);
// The tags of such a file. libsndfile's name is taken off "software", where it adds it.
Result<SoundTags> read_sound_tags(std::span<const std::byte> bytes, const std::string& where);

enum class SoundFormat : uint8_t { wav, flac, ogg };
enum class SampleType : uint8_t { pcm16, pcm24, f32 };

struct SoundOptions {
    SoundFormat format = SoundFormat::wav;
    SampleType type = SampleType::pcm16;   // not of Ogg Vorbis, which has none; FLAC has no f32
    double quality = 0.6;                  // of Ogg Vorbis, 0 to 1
    SoundTags tags;
};

// PCM is rounded to the nearest step and clipped at full scale; a sound that came from PCM of this
// type becomes the same again. What the format cannot hold (a rate, channels, f32 in FLAC, an
// unknown tag) is Status::usage, samples that are not finite Status::not_finite.
Result<std::vector<std::byte>> encode_sound(const Sound& sound, const SoundOptions& options = {});
// The file appears whole or not at all.
Result<void> write_sound(const std::string& path, const Sound& sound,
                         const SoundOptions& options = {});

// By file extension ("wav", "FLAC", "ogg"), and back; none of them: Status::usage.
Result<SoundFormat> sound_format(std::string_view extension);
std::string_view media_type(SoundFormat format);   // "audio/wav"

// At another rate, by band-limited interpolation with windowed sinc functions (Smith. Digital Audio
// Resampling. 2002); what the new rate cannot hold is filtered out. Rates differ by at most 256
// times, else Status::usage.
Result<Sound> resample_sound(const Sound& sound, int sample_rate);

// All channels averaged into one.
Sound to_mono(const Sound& sound);

}   // namespace kiln
