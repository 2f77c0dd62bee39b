// Byte-pair merging over a vocabulary.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

using Vocabulary =
    std::unordered_map<std::string, int32_t>;   // token as written in vocab.json -> id

// Words to token ids, as byte-level BPE; the last symbol of a word may have a suffix.
class BytePairs {
public:
    using Merges = std::vector<std::pair<std::string, std::string>>;   // in the order of their rank

    // The suffix is "</w>" in CLIP's vocabulary, and empty in GPT-2's. `where` begins messages. A
    // merge whose parts or result the vocabulary lacks: Status::bad_file.
    static Result<BytePairs> make(Vocabulary vocabulary, const Merges& merges,
                                  const std::string& suffix, const std::string& where);

    // Appends the ids of one word (its bytes, not symbols). A symbol without an id becomes
    // `unknown`, or nothing where that is negative.
    void encode(std::string_view word, int32_t unknown, std::vector<int32_t>& ids) const;

    const Vocabulary& vocabulary() const { return vocabulary_; }

private:
    struct Merge {
        uint32_t rank;
        int32_t result;
    };
    static uint64_t key(int32_t left, int32_t right) {
        return uint64_t(uint32_t(left)) << 32 | uint32_t(right);
    }

    Vocabulary vocabulary_;
    std::unordered_map<uint64_t, Merge> merges_;
    std::array<int32_t, 256> inner_{},
        last_{};   // the id of each byte inside and at the end of a word; -1 for none
};

// The 49,408 tokens that follow from CLIP's merges: byte symbols, the same ending a word, merges,
// specials.
Vocabulary vocabulary_from_merges(const BytePairs::Merges& merges);

}   // namespace kiln
