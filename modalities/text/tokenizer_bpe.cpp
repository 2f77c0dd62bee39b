// Sennrich, Haddow, Birch, Neural Machine Translation of Rare Words with Subword Units, 2016,
// applied to bytes: the adjacent pair of lowest rank merges first, of equal ranks the leftmost.
#include "modalities/text/tokenizer_bpe.h"

#include <queue>

#include "modalities/text/tokenizer_text.h"
#include "runtime/io/magic.h"

namespace kiln {

Result<BytePairs> BytePairs::make(Vocabulary vocabulary, const Merges& merges,
                                  const std::string& suffix, const std::string& where) {
    BytePairs pairs;
    pairs.vocabulary_ = std::move(vocabulary);
    auto id_of = [&](const std::string& token) {
        auto entry = pairs.vocabulary_.find(token);
        return entry == pairs.vocabulary_.end() ? -1 : entry->second;
    };
    pairs.merges_.reserve(merges.size());
    uint32_t rank = 0;
    for (const auto& [left, right] : merges) {
        int32_t a = id_of(left), b = id_of(right), merged = id_of(left + right);
        if (a < 0 || b < 0 || merged < 0) {
            const std::string& missing = a < 0 ? left : b < 0 ? right : left + right;
            return Error{Status::bad_file, where + ": merge " + std::to_string(rank + 1) +
                                               ": the token " + in_quotes(missing) +
                                               " is not in the vocabulary"};
        }
        pairs.merges_[key(a, b)] = {rank++, merged};   // of a repeated merge the last counts
    }
    for (size_t b = 0; b < 256; b++) {
        pairs.inner_[b] = id_of(byte_symbols()[b]);
        pairs.last_[b] = id_of(byte_symbols()[b] + suffix);
    }
    return pairs;
}

void BytePairs::encode(std::string_view word, int32_t unknown, std::vector<int32_t>& ids) const {
    struct Symbol {
        int32_t id, previous, next;   // a doubly linked list; -1 ends it; id -1 was merged away
    };
    struct Candidate {
        uint32_t rank;
        int32_t at, result;
        bool operator<(const Candidate& o) const {
            return rank != o.rank ? rank > o.rank : at > o.at;
        }
    };
    std::vector<Symbol> symbols;
    for (size_t i = 0; i < word.size(); i++) {
        auto byte = uint8_t(word[i]);
        int32_t id = i + 1 < word.size() ? inner_[byte] : last_[byte];
        if (id < 0) id = unknown;
        int32_t at = int32_t(symbols.size());
        if (id >= 0) symbols.push_back({id, at - 1, at + 1});
    }
    if (symbols.empty()) return;
    symbols.back().next = -1;
    int32_t count = int32_t(symbols.size());
    std::priority_queue<Candidate> queue;
    auto consider = [&](int32_t at) {
        if (at < 0 || symbols[size_t(at)].next < 0) return;
        auto merge =
            merges_.find(key(symbols[size_t(at)].id, symbols[size_t(symbols[size_t(at)].next)].id));
        if (merge != merges_.end()) queue.push({merge->second.rank, at, merge->second.result});
    };
    for (int32_t i = 0; i < count; i++) consider(i);
    while (!queue.empty()) {
        Candidate best = queue.top();
        queue.pop();
        Symbol& left = symbols[size_t(best.at)];
        if (left.id < 0 || left.next < 0) continue;
        Symbol& right = symbols[size_t(left.next)];
        auto merge = merges_.find(key(left.id, right.id));
        if (merge == merges_.end() || merge->second.result != best.result)
            continue;   // a neighbour changed
        left.id = best.result;
        left.next = right.next;
        right.id = -1;
        if (left.next >= 0) symbols[size_t(left.next)].previous = best.at;
        consider(left.previous);
        consider(best.at);
    }
    for (const Symbol& symbol : symbols)
        if (symbol.id >= 0) ids.push_back(symbol.id);
}

Vocabulary vocabulary_from_merges(const BytePairs::Merges& merges) {
    Vocabulary vocabulary;
    vocabulary.reserve(merges.size() + 514);
    auto add = [&](std::string token) {
        vocabulary.try_emplace(std::move(token), int32_t(vocabulary.size()));
    };
    for (bool ends : {false, true})
        for (unsigned char b : byte_order()) add(byte_symbols()[b] + (ends ? "</w>" : ""));
    for (const auto& [left, right] : merges) add(left + right);
    add("<|startoftext|>");
    add("<|endoftext|>");
    return vocabulary;
}

}   // namespace kiln
