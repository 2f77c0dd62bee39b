// libsndfile over bytes in memory. Within runtime/io only.
#pragma once
#include <sndfile.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

struct CloseSound {
    void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, CloseSound>;

// What libsndfile reads from, or writes into; it must outlive the file.
struct SoundMemory {
    std::span<const std::byte> source;
    std::vector<std::byte> target;
    bool writes = false;
    sf_count_t at = 0;

    sf_count_t size() const { return sf_count_t(writes ? target.size() : source.size()); }
};
// Null when libsndfile refuses; it says why in sf_strerror(nullptr).
SoundFile open_sound(SoundMemory& memory, SF_INFO& info);

// The tags, with their names in WAV files and their numbers in libsndfile.
struct SoundTagName {
    std::string_view name, riff;
    int number;
};
std::span<const SoundTagName> sound_tag_names();

}   // namespace kiln
