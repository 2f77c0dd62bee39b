// Sound in and out. tests/golden/io/tone.* are ffmpeg's: tools/reference/sounds.py.
#include "runtime/io/audio.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <numbers>

#include "tests/io/files.h"

using namespace kiln;

namespace {

Sound tone(int rate, int channels, int64_t frames, double hertz = 440, double amplitude = 0.5) {
    Sound sound{rate, channels, {}};
    for (int64_t i = 0; i < frames; i++)
        for (int c = 0; c < channels; c++)
            sound.samples.push_back(float(
                amplitude * std::sin(2 * std::numbers::pi * hertz * (c + 1) * double(i) / rate)));
    return sound;
}

double worst(const Sound& a, const Sound& b, int64_t margin = 0) {
    double most = 0;
    const size_t edge = size_t(margin * a.channels),
                 count = std::min(a.samples.size(), b.samples.size());
    for (size_t i = edge; i + edge < count; i++)
        most = std::max(most, double(std::abs(a.samples[i] - b.samples[i])));
    return most;
}

std::string golden(const std::string& name) {
    return take(read_file(std::string(KILN_GOLDEN_DIR) + "/io/" + name));
}

std::string tag(const SoundTags& tags, const std::string& name) {
    for (const auto& [key, value] : tags)
        if (key == name) return value;
    return "(none)";
}

struct Wav {   // as small as can be, with every field open to lies
    uint32_t riff = 0, rate = 8000, data = 0;
    uint16_t kind = 1, channels = 1, bits = 16;
    std::string samples;

    std::string bytes() const {
        std::string out;
        const auto put = [&](auto value) {
            out.append(reinterpret_cast<const char*>(&value), sizeof value);
        };
        out += "RIFF", put(riff ? riff : uint32_t(36 + samples.size())), out += "WAVEfmt ";
        put(uint32_t(16)), put(kind), put(channels), put(rate);
        put(uint32_t(rate * channels * bits / 8)), put(uint16_t(channels * bits / 8)), put(bits);
        out += "data", put(data ? data : uint32_t(samples.size()));
        return out + samples;
    }
};

Result<Sound> decode(std::string_view bytes, int64_t max_samples = 1 << 20) {
    return decode_sound(as_bytes(bytes), "sound", max_samples);
}

}   // namespace

TEST_CASE("sound that another program wrote is read, tags and all") {
    const std::string name = GENERATE("tone.wav", "tone.flac", "tone.ogg");
    INFO(name);
    const std::string bytes = golden(name);
    const Sound sound = take(decode(bytes));
    CHECK(sound.sample_rate == 8000);
    CHECK(sound.channels == 1);
    CHECK(sound.frames() == 2000);
    const bool lossy = name == "tone.ogg";
    CHECK(worst(sound, tone(8000, 1, 2000, 440, 0.125), lossy ? 200 : 0) < (lossy ? 0.02 : 1e-4));
    const SoundTags tags = take(read_sound_tags(as_bytes(bytes), name));
    CHECK(tag(tags, "title") == "A tone");
    if (name == "tone.wav") CHECK(tag(tags, "comment") == "café 猫");   // else its DESCRIPTION
    CHECK(tag(tags, "artist") == "ffmpeg");
}

TEST_CASE("sound survives being written and read, as exactly as the format can hold it") {
    const auto format = GENERATE(SoundFormat::wav, SoundFormat::flac, SoundFormat::ogg);
    const auto type = GENERATE(SampleType::pcm16, SampleType::pcm24, SampleType::f32);
    const int channels = GENERATE(1, 2);
    const int rate = GENERATE(16000, 44100);
    if (format == SoundFormat::flac && type == SampleType::f32) return;
    CAPTURE(media_type(format), int(type), channels, rate);
    const Sound sound = tone(rate, channels, 30011);
    const auto bytes = take(encode_sound(sound, {.format = format, .type = type}));
    const Sound back = take(decode(as_text(bytes)));
    CHECK(back.sample_rate == rate);
    CHECK(back.channels == channels);
    CHECK(back.frames() == sound.frames());
    if (format == SoundFormat::ogg) {
        CHECK(worst(back, sound, 2000) < 0.05);
        return;
    }
    const double step = type == SampleType::pcm16   ? 0.5 / 32768
                        : type == SampleType::pcm24 ? 0.5 / 8388608
                                                    : 0;
    CHECK(worst(back, sound) <= step);
    const auto again = take(encode_sound(back, {.format = format, .type = type}));
    CHECK(take(decode(as_text(again))).samples == back.samples);
}

TEST_CASE("what is beyond full scale is clipped, but not in floating point") {
    const Sound loud{8000, 1, {2, -2, 1, -1, 0.25f}};
    const auto back = [&](SampleType type) {
        return take(decode(as_text(take(encode_sound(loud, {.type = type}))))).samples;
    };
    const float most = 32767 / 32768.0f;
    CHECK(back(SampleType::pcm16) == std::vector<float>{most, -1, most, -1, 0.25f});
    CHECK(back(SampleType::f32) == loud.samples);
}

TEST_CASE("tags survive, long ones and all alphabets too") {
    const auto format = GENERATE(SoundFormat::wav, SoundFormat::flac, SoundFormat::ogg);
    INFO(media_type(format));
    const std::string json = "{\"prompt\":\"" + std::string(20000, 'x') + "\",\"seed\":7}";
    const SoundTags tags = {{"title", "Regen, пение, 猫"},
                            {"artist", "a"},
                            {"date", "2026"},
                            {"software", "kiln 0.1.0"},
                            {"comment", json}};
    const auto bytes = take(encode_sound(tone(16000, 1, 4000), {.format = format, .tags = tags}));
    const SoundTags back = take(read_sound_tags(bytes, "sound"));
    for (const auto& [name, value] : tags) {
        INFO(name);
        CHECK(tag(back, name).size() == value.size());
        CHECK((tag(back, name) == value));
    }
    CHECK(tag(back, "album") == "(none)");
    CHECK(take(decode(as_text(bytes))).frames() == 4000);
    if (format == SoundFormat::ogg) return;   // whose streams bear a random number
    CHECK((take(encode_sound(tone(16000, 1, 4000), {.format = format, .tags = tags})) == bytes));
}

TEST_CASE("a sound file appears whole or not at all") {
    TemporaryFolder folder;
    const std::string path = folder / "a.wav";
    take(write_sound(path, tone(8000, 1, 100)));
    CHECK(take(read_sound(path)).frames() == 100);
    CHECK(write_sound(path, {8000, 1, {NAN}}).error().status == Status::not_finite);
    CHECK(take(read_sound(path)).frames() == 100);
    CHECK(folder.count() == 1);
    CHECK(write_sound(folder / "none/a.wav", tone(8000, 1, 9)).error().status == Status::bad_file);
    fails_with(read_sound(folder / "gone.wav"), "gone.wav");
}

TEST_CASE("what is no sound, or cut short, says so") {
    fails_with(decode(""), "sound: expected a sound, the file is empty");
    fails_with(decode("hello, this is no sound"), "found none of them");
    fails_with(decode("\x89PNG\r\n\x1a\n and so on"), "found a PNG picture");
    fails_with(decode("ID3 and a song in MP3"), "found an MP3 sound");
    fails_with(decode("RIFF"), "expected a sound");
    fails_with(decode(std::string_view("RIFF\0\0\0\0WAVE", 12)), "sound: ");
    for (const char* name : {"tone.wav", "tone.flac", "tone.ogg"}) {
        const std::string whole = golden(name);
        for (size_t size : {size_t(12), size_t(60), whole.size() / 2, whole.size() - 40}) {
            INFO(name << " " << size);
            const auto part = decode(std::string_view(whole).substr(0, size));
            REQUIRE(!part);
            CHECK(part.error().status == Status::bad_file);
        }
    }
    fails_with(decode(golden("tone.wav").substr(0, 900)), "cut short");
    fails_with(decode(golden("tone.ogg").substr(0, 2700)), "cut short");
    fails_with(decode(Wav{}.bytes()), "without samples");
}

TEST_CASE("lies in a header are refused before memory follows them") {
    const std::string samples(64, '\1');
    fails_with(decode(Wav{.data = 0x7fffffff, .samples = samples}.bytes()), "cut short");
    fails_with(decode(Wav{.rate = 0, .samples = samples}.bytes()), "sound: ");
    fails_with(decode(Wav{.rate = 4000000000u, .samples = samples}.bytes()), "sound: ");
    fails_with(decode(Wav{.rate = 1000000, .samples = samples}.bytes()), "sample rate of 1000000");
    fails_with(decode(Wav{.channels = 0, .samples = samples}.bytes()), "sound: ");
    fails_with(decode(Wav{.channels = 33, .samples = std::string(660, '\1')}.bytes()),
               "33 channels");
    fails_with(decode(Wav{.samples = std::string(64, '\0')}.bytes(), 31), "more than 31 samples");
    CHECK(take(decode(Wav{.samples = samples}.bytes(), 32)).frames() == 32);
    // A pipe leaves the sizes open.
    CHECK(take(decode(Wav{.riff = 0xffffffff, .data = 0xffffffff, .samples = samples}.bytes()))
              .frames() == 32);

    std::string floats(12, '\0');
    const float odd[] = {0.5f, GENERATE(NAN, INFINITY), 0};
    std::memcpy(floats.data(), odd, sizeof odd);
    fails_with(decode(Wav{.kind = 3, .bits = 32, .samples = floats}.bytes()), "frame 1 holds NaN");
}

TEST_CASE("a list whose parts lie about their size is passed over") {
    const std::string samples(64, '\1'), wav = Wav{.samples = samples}.bytes();
    for (const char* kind : {"LIST", "INFO"}) {
        std::string list = kind;   // of 16 bytes: a part of -8, after which it begins again
        list += std::string("\x10\0\0\0INFOIART\xf8\xff\xff\xff????", 20);
        std::string hostile = wav;
        hostile.insert(12, list);
        INFO(kind);
        CHECK(take(decode(hostile)).frames() == 32);
        CHECK(take(read_sound_tags(as_bytes(hostile), "sound")).empty());
    }
    fails_with(decode(wav.substr(0, 36)), "needs fmt and data");

    // Where the size is left open, what looks like a list is sound.
    const std::string list("INFO\6\0\0\xff", 8), open(60, '\xff');
    std::string unsized = Wav{.samples = list + open}.bytes();
    unsized.replace(40, 4, 4, '\0');
    CHECK(take(decode(unsized)).frames() == 34);
}

TEST_CASE("an RF64 file keeps the size of its samples apart") {
    const std::string samples(64, '\1'), list("LIST\4\0\0\0INFO", 12);
    std::string wav = Wav{.riff = 0xffffffff, .data = 0xffffffff, .samples = samples}.bytes();
    wav += list;
    wav.replace(0, 4, "RF64");
    const auto with_size = [&](uint64_t size) {
        const uint64_t sizes[] = {wav.size(), size, size / 2};
        std::string chunk("ds64\x1c\0\0\0", 8);
        chunk.append(reinterpret_cast<const char*>(sizes), sizeof sizes).append(4, '\0');
        return std::string(wav).insert(12, chunk);
    };
    CHECK(take(decode(with_size(64))).frames() == 32);
    fails_with(decode(with_size(64 + list.size() + 2)), "cut short");
    fails_with(decode(with_size(~uint64_t(0))), "cut short");
    CHECK(take(decode(wav)).frames() == 32 + 6);   // no table of sizes
}

TEST_CASE("what a format cannot hold is refused") {
    const auto status = [](const Sound& sound, const SoundOptions& options) {
        const auto bytes = encode_sound(sound, options);
        REQUIRE(!bytes);
        INFO(bytes.error().message);
        return bytes.error().status;
    };
    const Sound mono = tone(16000, 1, 100);
    CHECK(status(mono, {.format = SoundFormat::flac, .type = SampleType::f32}) == Status::usage);
    CHECK(status({16000, 1, {}}, {}) == Status::usage);
    CHECK(status({0, 1, {0}}, {}) == Status::usage);
    CHECK(status({16000, 9, std::vector<float>(9)}, {.format = SoundFormat::flac}) ==
          Status::usage);
    CHECK(status({500000, 1, {0}}, {.format = SoundFormat::ogg}) == Status::usage);
    CHECK(status({16000, 1, {INFINITY}}, {}) == Status::not_finite);
    CHECK(status(mono, {.tags = {{"mood", "calm"}}}) == Status::usage);
    CHECK(status(mono, {.tags = {{"title", std::string("a\0b", 3)}}}) == Status::usage);
    CHECK(sound_format("WAV").value() == SoundFormat::wav);
    CHECK(sound_format("mp3").error().status == Status::usage);
}

TEST_CASE("a tone stays the same tone at another rate, and what does not fit is gone") {
    const int from = GENERATE(8000, 16000, 44100, 48000), to = GENERATE(16000, 22050, 44100);
    CAPTURE(from, to);
    const Sound there = take(resample_sound(tone(from, 2, from / 2), to));
    CHECK(there.sample_rate == to);
    CHECK(there.channels == 2);
    CHECK(there.frames() == to / 2);
    CHECK(worst(there, tone(to, 2, to / 2), 400) < 1e-4);
    if (to >= from) return;
    const double too_high = 0.5 * (to + from) / 2;
    const Sound gone = take(resample_sound(tone(from, 1, from / 2, too_high), to));
    CHECK(worst(gone, {to, 1, std::vector<float>(size_t(to / 2))}, 400) < 1e-4);
}

TEST_CASE("rates that are too far apart are refused, and channels become one") {
    CHECK(resample_sound(tone(100, 1, 10), 100 * 257).error().status == Status::usage);
    CHECK(resample_sound(tone(100, 1, 10), 0).error().status == Status::usage);
    CHECK(resample_sound(tone(100, 1, 10), -5).error().status == Status::usage);
    CHECK(to_mono({8000, 2, {1, 0, 0.5f, -0.5f}}).samples == std::vector<float>{0.5f, 0});
}
