#include "modalities/text/tokenizer.h"

#include "modalities/text/tokenizer_text.h"
#include "runtime/base/check.h"

namespace kiln {

std::vector<int32_t> Tokenizer::pieces(std::string_view text) const {
    std::vector<int32_t> ids;
    raw_.scan(replace_malformed(text), ids, [&](std::string_view raw) {
        normalized_.scan(scheme_->normalize(raw), ids,
                         [&](std::string_view plain) { scheme_->encode(plain, unknown_, ids); });
    });
    return ids;
}

Tokens Tokenizer::encode(std::string_view text, int length) const {
    if (length == 0) length = max_length_;
    Tokens tokens;
    if (bos_ >= 0) tokens.ids.push_back(bos_);
    ensure(size_t(length) > tokens.ids.size(), "room for BOS and EOS");
    std::vector<int32_t> text_ids = pieces(text);
    size_t kept = std::min(text_ids.size(), size_t(length) - 1 - tokens.ids.size());
    if (kept < text_ids.size()) {
        tokens.dropped = decode({text_ids.begin() + ptrdiff_t(kept), text_ids.end()});
        text_ids.resize(kept);
    }
    tokens.ids.insert(tokens.ids.end(), text_ids.begin(), text_ids.end());
    tokens.ids.push_back(eos_);
    tokens.used = int(tokens.ids.size());
    tokens.ids.resize(size_t(length), pad_);
    return tokens;
}

std::string Tokenizer::decode(const std::vector<int32_t>& ids) const {
    std::string text;
    for (int32_t id : ids) {
        auto entry = tokens_by_id_.find(id);
        if (entry == tokens_by_id_.end()) continue;
        text += scheme_->text_of(entry->second);
        if (id == bos_ || id == eos_) text += ' ';
    }
    text.erase(0, text.find_first_not_of(' '));
    while (!text.empty() && text.back() == ' ') text.pop_back();
    return replace_malformed(text);
}

int32_t Tokenizer::find(const std::string& token) const {
    for (const AddedTokens* set : {&raw_, &normalized_})
        if (const AddedToken* added = set->find(token)) return added->id;
    auto entry = scheme_->vocabulary().find(token);
    return entry == scheme_->vocabulary().end() ? -1 : entry->second;
}

}   // namespace kiln
