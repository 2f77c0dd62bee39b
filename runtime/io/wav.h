// WAV files, chunk by chunk, where libsndfile 1.2 falls short: it never comes back from chunks that
// lie about their sizes, and leaves out tags of more than two kilobytes, as prompts with their
// parameters can be.
// Microsoft and IBM. Multimedia Programming Interface and Data Specifications 1.0. 1991, chapter 2;
// EBU Tech 3306. RF64: An Extended File Format for Audio Data. 2009.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
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

// The samples of a RIFF or RF64 file, with the size that counts: an RF64 file keeps it elsewhere,
// and programs that write to a pipe say 0 or all ones of samples that go on to the end. It may be
// more than there is.
std::optional<RiffChunk> find_samples(std::span<const std::byte> wav);

// The same sound as a RIFF file of nothing but what says how its samples lie and they themselves,
// each of the size that is there; empty where format or samples are missing.
std::string plain_wav(std::span<const std::byte> wav);

// Puts the tags before the samples of a whole WAV file. Their names are known ones.
void insert_wav_tags(std::vector<std::byte>& wav, const SoundTags& tags);
// What is there of them, in the order of sound_tag_names().
SoundTags wav_tags(std::span<const std::byte> wav);

}   // namespace kiln
