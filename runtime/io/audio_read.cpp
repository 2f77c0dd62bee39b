#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/io/audio.h"
#include "runtime/io/audio_stream.h"
#include "runtime/io/file.h"
#include "runtime/io/magic.h"
#include "runtime/io/wav.h"

namespace kiln {
namespace {

constexpr int kMostChannels = 32, kMostRate = 768000;
constexpr sf_count_t kBlock = 1 << 14;   // frames at a time

// How many bytes a file says that it should have, where it says so and has fewer; else 0.
size_t wav_end(std::span<const std::byte> bytes) {
    const auto data = find_samples(bytes);
    return data && data->size > bytes.size() - data->begin ? data->begin + data->size : 0;
}

// Ogg is a chain of pages, each with a table of the sizes of its parts (RFC 3533, section 6).
size_t ogg_end(std::span<const std::byte> bytes) {
    for (size_t at = 0; at < bytes.size();) {
        if (as_text(bytes.subspan(at)).substr(0, 4) != "OggS") return 0;
        if (at + 27 > bytes.size()) return at + 27;
        const size_t parts = size_t(bytes[at + 26]);
        if (at + 27 + parts > bytes.size()) return at + 27 + parts;
        size_t end = at + 27 + parts;
        for (size_t i = 0; i < parts; i++) end += size_t(bytes[at + 27 + i]);
        if (end > bytes.size()) return end;
        at = end;
    }
    return 0;
}

Error bad(const std::string& where, const std::string& fact) {
    return {Status::bad_file, where + ": " + fact};
}

// What the file is, going by its first bytes: libsndfile reads many formats that nobody means.
bool looks_like_sound(std::span<const std::byte> bytes) {
    const std::string_view head = as_text(bytes.first(std::min<size_t>(bytes.size(), 16)));
    if (head.size() < 12) return false;
    const std::string_view kind = head.substr(0, 4), form = head.substr(8, 4);
    if (kind == "RIFF" || kind == "RF64") return form == "WAVE";
    if (kind == "FORM") return form == "AIFF" || form == "AIFC";
    return kind == "fLaC" || kind == "OggS";
}

struct Opened {
    std::string plain;   // of WAV files: what libsndfile is to see
    SoundMemory memory;
    SF_INFO info{};
    SoundFile file;
};

Result<void> open(Opened& opened, std::span<const std::byte> bytes, const std::string& where) {
    if (bytes.empty()) return bad(where, "expected a sound, the file is empty");
    if (!looks_like_sound(bytes)) {
        const auto kind = kind_of_file(bytes.first(std::min<size_t>(bytes.size(), 64)));
        return bad(where, "expected a sound (WAV, FLAC, Ogg or AIFF), found " +
                              std::string(kind.empty() ? "none of them" : kind));
    }
    const std::string_view head = as_text(bytes.first(4));
    const bool is_wav = head == "RIFF" || head == "RF64";
    const size_t end = is_wav ? wav_end(bytes) : head == "OggS" ? ogg_end(bytes) : 0;
    if (end)
        return bad(where, "a sound that is cut short: at least " + std::to_string(end) +
                              " bytes were expected, there are " + std::to_string(bytes.size()));
    if (is_wav) {
        opened.plain = plain_wav(bytes);
        if (opened.plain.empty())
            return bad(where, "a damaged sound: a WAV file needs fmt and data");
        bytes = as_bytes(opened.plain);
    }
    opened.memory.source = bytes;
    opened.file = open_sound(opened.memory, opened.info);
    if (!opened.file) return bad(where, std::string("a damaged sound: ") + sf_strerror(nullptr));
    const SF_INFO& info = opened.info;
    if (info.channels < 1 || info.channels > kMostChannels)
        return bad(where, "a sound of " + std::to_string(info.channels) + " channels; 1 to " +
                              std::to_string(kMostChannels) + " are read");
    if (info.samplerate < 1 || info.samplerate > kMostRate)
        return bad(where, "a sample rate of " + std::to_string(info.samplerate) + " Hz; 1 to " +
                              std::to_string(kMostRate) + " are read");
    return {};
}

}   // namespace

Result<Sound> decode_sound(std::span<const std::byte> bytes, const std::string& where,
                           int64_t max_samples) {
    Opened opened;
    if (auto ok = open(opened, bytes, where); !ok) return ok.error();
    const int channels = opened.info.channels;
    Sound sound{opened.info.samplerate, channels, {}};
    std::vector<float> block(size_t(kBlock * channels));
    sf_count_t frames = 0;
    while (const sf_count_t got = sf_readf_float(opened.file.get(), block.data(), kBlock)) {
        if (got < 0) break;
        if ((frames + got) * channels > max_samples)
            return bad(where, "a sound of more than " + std::to_string(max_samples) +
                                  " samples, which are not read");
        const auto end = block.begin() + got * channels;
        const auto odd =
            std::find_if(block.begin(), end, [](float v) { return !std::isfinite(v); });
        if (odd != end)
            return bad(where, "frame " + std::to_string(frames + (odd - block.begin()) / channels) +
                                  " holds NaN or infinity");
        sound.samples.insert(sound.samples.end(), block.begin(), end);
        frames += got;
    }
    if (sf_error(opened.file.get()))
        return bad(where, std::string("a damaged sound: ") + sf_strerror(opened.file.get()));
    if (frames == 0) return bad(where, "a sound without samples");
    // SF_COUNT_MAX where the format does not say.
    if (frames < opened.info.frames && opened.info.frames != SF_COUNT_MAX)
        return bad(where, "a sound that is cut short: " + std::to_string(opened.info.frames) +
                              " frames were expected, there are " + std::to_string(frames));
    return sound;
}

Result<Sound> read_sound(const std::string& path, int64_t max_samples) {
    const auto bytes = read_file(path, size_t(1) << 31);
    if (!bytes) return bytes.error();
    return decode_sound(as_bytes(*bytes), path, max_samples);
}

Result<SoundTags> read_sound_tags(std::span<const std::byte> bytes, const std::string& where) {
    Opened opened;
    if (auto ok = open(opened, bytes, where); !ok) return ok.error();
    if (!opened.plain.empty()) return wav_tags(bytes);
    SoundTags tags;
    for (const SoundTagName& tag : sound_tag_names()) {
        const char* text = sf_get_string(opened.file.get(), tag.number);
        if (!text) continue;
        std::string value = text;
        if (tag.number == SF_STR_SOFTWARE) value = value.substr(0, value.rfind(" (libsndfile-"));
        tags.emplace_back(tag.name, value);
    }
    return tags;
}

}   // namespace kiln
