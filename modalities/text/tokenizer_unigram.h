// A vocabulary of pieces with the logarithms of their probabilities.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "modalities/text/tokenizer_bpe.h"
#include "runtime/base/result.h"

namespace kiln {

// Immutable once made. A piece's id is its place.
class Unigram {
public:
    using Pieces = std::vector<std::pair<std::string, double>>;   // and their scores

    // `where` begins messages. No pieces, one that is empty, malformed or there twice, a score that
    // is not finite, or an unknown id out of range: Status::bad_file.
    static Result<Unigram> make(Pieces pieces, int64_t unknown, const std::string& where);

    // Appends the ids of the pieces of the largest total score that make up `word`, well-formed
    // UTF-8. A run of characters that no piece holds is one unknown.
    void encode(std::string_view word, std::vector<int32_t>& ids) const;

    const Vocabulary& vocabulary() const { return vocabulary_; }

private:
    struct Sorted {
        std::string text;
        int32_t id;
        double score;
    };
    // Calls found(piece) for every piece that `text` begins with, the shortest first.
    template <class Found>
    void prefixes(std::string_view text, Found found) const;

    std::vector<Sorted> sorted_;   // by text
    Vocabulary vocabulary_;
    int32_t unknown_ = 0;
    double unknown_score_ = 0;
};

}   // namespace kiln
