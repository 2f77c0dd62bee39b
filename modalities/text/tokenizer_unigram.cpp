// Kudo. Subword Regularization: Improving Neural Network Translation Models with Multiple Subword
// Candidates. 2018, section 3.2: the segmentation of the largest probability, by Viterbi's
// algorithm. Ties and unknown characters are resolved as in Hugging Face's tokenizers library.
#include "modalities/text/tokenizer_unigram.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "modalities/text/tokenizer_text.h"
#include "runtime/io/magic.h"

namespace kiln {

static constexpr double kUnknownPenalty = 10;   // below the worst piece

Result<Unigram> Unigram::make(Pieces pieces, int64_t unknown, const std::string& where) {
    const auto bad = [&where](const std::string& why) {
        return Error{Status::bad_file, where + ": " + why};
    };
    if (pieces.empty()) return bad("the vocabulary is empty");
    if (unknown < 0 || unknown >= int64_t(pieces.size()))
        return bad("expected the id of the unknown piece among " + std::to_string(pieces.size()) +
                   ", found " + std::to_string(unknown));
    Unigram model;
    model.unknown_ = int32_t(unknown);
    double worst = std::numeric_limits<double>::infinity();
    for (auto& [text, score] : pieces) {
        const int32_t id = int32_t(model.sorted_.size());
        const std::string name = "piece " + std::to_string(id);
        if (text.empty()) return bad(name + " is empty");
        if (replace_malformed(text) != text) return bad(name + " is not UTF-8");
        if (!std::isfinite(score)) return bad(name + ": the score is not finite");
        if (!model.vocabulary_.emplace(text, id).second)
            return bad(name + ": " + in_quotes(text) + " is there twice");
        worst = std::min(worst, score);
        model.sorted_.push_back({std::move(text), id, score});
    }
    model.unknown_score_ = worst - kUnknownPenalty;
    std::sort(model.sorted_.begin(), model.sorted_.end(),
              [](const Sorted& a, const Sorted& b) { return a.text < b.text; });
    return model;
}

template <class Found>
void Unigram::prefixes(std::string_view text, Found found) const {
    auto low = sorted_.begin(), high = sorted_.end();   // those that begin as text does so far
    for (size_t at = 0; at < text.size() && low != high; at++) {
        const auto c = uint8_t(text[at]);
        low = std::partition_point(low, high, [&](const Sorted& piece) {
            return piece.text.size() <= at || uint8_t(piece.text[at]) < c;
        });
        high = std::partition_point(
            low, high, [&](const Sorted& piece) { return uint8_t(piece.text[at]) == c; });
        if (low != high && low->text.size() == at + 1) found(*low);
    }
}

void Unigram::encode(std::string_view word, std::vector<int32_t>& ids) const {
    struct Node {   // the best way to where it stands
        double score = 0;
        size_t begin = std::string_view::npos;   // of its last piece
        int32_t id = 0;
    };
    std::vector<Node> nodes(word.size() + 1);
    const auto consider = [&nodes](size_t begin, size_t end, int32_t id, double score) {
        Node& node = nodes[end];
        const double total = nodes[begin].score + score;
        if (node.begin == std::string_view::npos || total > node.score) node = {total, begin, id};
    };
    for (size_t at = 0; at < word.size();) {
        const size_t length = first_code_point(word.substr(at)).length;
        bool whole = false;   // some piece is this character
        prefixes(word.substr(at), [&](const Sorted& piece) {
            consider(at, at + piece.text.size(), piece.id, piece.score);
            whole = whole || piece.text.size() == length;
        });
        if (!whole) consider(at, at + length, unknown_, unknown_score_);
        at += length;
    }
    std::vector<int32_t> backwards;
    for (size_t end = word.size(); end > 0; end = nodes[end].begin) {
        const bool again =
            nodes[end].id == unknown_ && !backwards.empty() && backwards.back() == unknown_;
        if (!again) backwards.push_back(nodes[end].id);
    }
    ids.insert(ids.end(), backwards.rbegin(), backwards.rend());
}

}   // namespace kiln
