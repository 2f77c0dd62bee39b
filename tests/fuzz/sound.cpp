// Any bytes as sound: either refused, or one that can be written and read again.
#include "runtime/io/audio.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>

// libsndfile 1.2 forgets some kilobytes of libvorbis where it refuses the headers of an Ogg stream.
// By the library's name: there may be no symbolizer.
extern "C" const char* __lsan_default_suppressions() { return "leak:libvorbis"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    (void)kiln::read_sound_tags(bytes, "fuzz");
    const auto sound = kiln::decode_sound(bytes, "fuzz", 1 << 18);
    if (!sound) {
        if (sound.error().status != kiln::Status::bad_file) std::abort();
        return 0;
    }
    if (sound->samples.empty() || sound->samples.size() > 1 << 18) std::abort();
    for (float sample : sound->samples)
        if (!std::isfinite(sample)) std::abort();
    const auto written = kiln::encode_sound(*sound, {.type = kiln::SampleType::f32});
    if (!written) std::abort();
    const auto again = kiln::decode_sound(*written, "again");
    if (!again || again->samples != sound->samples) std::abort();
    return 0;
}
