// The INFO list of a WAV file, which holds its tags. libsndfile leaves out what is longer than two
// kilobytes, and prompts with their parameters can be.
// Microsoft and IBM. Multimedia Programming Interface and Data Specifications 1.0. 1991, chapter 2.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "runtime/io/audio.h"

namespace kiln {

// A chunk of a RIFF file: where its content begins and how long it says that it is.
struct RiffChunk {
    std::string_view id;
    size_t begin, size;
};
// That of the name, of a file or of what follows `from` in it; none when it is not there.
std::optional<RiffChunk> find_chunk(std::span<const std::byte> riff, std::string_view id,
                                    size_t from = 12);

// The same sound without what does not say how its samples lie: libsndfile 1.2 never comes back
// from a list whose parts lie about their size. Of RIFF and RF64; empty where format or samples
// are missing.
std::vector<std::byte> wav_without_lists(std::span<const std::byte> wav);

// Puts the tags before the samples of a whole WAV file. Their names are known ones.
void insert_wav_tags(std::vector<std::byte>& wav, const SoundTags& tags);
// What is there of them, in the order of sound_tag_names().
SoundTags wav_tags(std::span<const std::byte> wav);

}   // namespace kiln
