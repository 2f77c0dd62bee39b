#include "modalities/text/tokenizer.h"

#include "modalities/text/tokenizer_text.h"

namespace kiln {

static bool starts_inside_word(std::string_view text, size_t at) {   // the character before `at`
    if (at == 0) return false;
    size_t begin = at - 1;
    while (begin > 0 && (uint8_t(text[begin]) & 0xc0) == 0x80) begin--;
    return is_word_character(first_code_point(text.substr(begin)).value);
}

static bool ends_inside_word(std::string_view text, size_t at) {   // the character at `at`
    return at < text.size() && is_word_character(first_code_point(text.substr(at)).value);
}

const Tokenizer::Added* Tokenizer::AddedSet::longest_at(std::string_view text, size_t at) const {
    const Added* longest = nullptr;
    for (const Added& token : tokens)
        if (text.substr(at).starts_with(token.pattern))
            if (!longest || token.pattern.size() > longest->pattern.size()) longest = &token;
    return longest;
}

// Splits text at the tokens of a set; what lies between goes to `plain`.
template <class Plain>
void Tokenizer::scan(const AddedSet& set, std::string_view text, std::vector<int32_t>& ids,
                     Plain plain) {
    size_t begin = 0, at = 0;
    while (at < text.size()) {
        const Added* token = set.longest_at(text, at);
        if (!token) {
            at++;
            continue;
        }
        size_t end = at + token->pattern.size();
        bool inside = starts_inside_word(text, at) || ends_inside_word(text, end);
        if (!(token->single_word && inside)) {
            plain(text.substr(begin, at - begin));
            ids.push_back(token->id);
            begin = end;
        }
        at = end;
    }
    plain(text.substr(begin));
}

void Tokenizer::encode_normalized(std::string_view text, std::vector<int32_t>& ids) const {
    scan(normalized_, text, ids, [&](std::string_view plain) {
        for (std::string_view word : split_words(plain)) pairs_.encode(word, unknown_, ids);
    });
}

void Tokenizer::encode_raw(std::string_view text, std::vector<int32_t>& ids) const {
    scan(raw_, text, ids,
         [&](std::string_view plain) { encode_normalized(normalize_for_clip(plain), ids); });
}

std::vector<int32_t> Tokenizer::pieces(std::string_view text) const {
    std::vector<int32_t> ids;
    encode_raw(replace_malformed(text), ids);
    return ids;
}

Tokens Tokenizer::encode(std::string_view text, int length) const {
    if (length == 0) length = max_length_;
    ensure(length >= 2, "room for BOS and EOS");
    std::vector<int32_t> text_ids = pieces(text);
    Tokens tokens;
    size_t kept = std::min(text_ids.size(), size_t(length) - 2);
    if (kept < text_ids.size()) {
        tokens.dropped = decode({text_ids.begin() + ptrdiff_t(kept), text_ids.end()});
        text_ids.resize(kept);
    }
    tokens.ids.reserve(size_t(length));
    tokens.ids.push_back(bos_);
    tokens.ids.insert(tokens.ids.end(), text_ids.begin(), text_ids.end());
    tokens.ids.push_back(eos_);
    tokens.used = int(tokens.ids.size());
    tokens.ids.resize(size_t(length), pad_);
    return tokens;
}

std::string Tokenizer::decode(const std::vector<int32_t>& ids) const {
    static const auto byte_of = [] {
        std::unordered_map<std::string_view, char> table;
        for (size_t b = 0; b < 256; b++) table[byte_symbols()[b]] = char(b);
        return table;
    }();
    std::string text;
    for (int32_t id : ids) {
        auto entry = tokens_by_id_.find(id);
        if (entry == tokens_by_id_.end()) continue;
        std::string_view token = entry->second;
        bool ends = token.ends_with("</w>") || id == bos_ || id == eos_;
        if (token.ends_with("</w>")) token.remove_suffix(4);
        while (!token.empty()) {
            size_t length = first_code_point(token).length;
            auto byte = byte_of.find(token.substr(0, length));
            if (byte != byte_of.end())
                text += byte->second;
            else
                text += token.substr(0, length);
            token.remove_prefix(length);
        }
        if (ends) text += ' ';
    }
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return replace_malformed(text);
}

int32_t Tokenizer::find(const std::string& token) const {
    for (const AddedSet* set : {&raw_, &normalized_})
        for (const Added& added : set->tokens)
            if (added.content == token) return added.id;
    auto entry = pairs_.vocabulary().find(token);
    return entry == pairs_.vocabulary().end() ? -1 : entry->second;
}

}   // namespace kiln
