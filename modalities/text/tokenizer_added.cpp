#include "modalities/text/tokenizer_added.h"

#include <algorithm>

#include "modalities/text/tokenizer_text.h"

namespace kiln {
namespace {

size_t begin_of_last(std::string_view text) {   // the last character's; text is not empty
    size_t begin = text.size() - 1;
    while (begin > 0 && (uint8_t(text[begin]) & 0xc0) == 0x80) begin--;
    return begin;
}

bool ends_in_word(std::string_view text) {
    return !text.empty() &&
           is_word_character(first_code_point(text.substr(begin_of_last(text))).value);
}

bool begins_in_word(std::string_view text) {
    return !text.empty() && is_word_character(first_code_point(text).value);
}

std::string_view without_end_space(std::string_view text) {
    while (!text.empty()) {
        const size_t last = begin_of_last(text);
        if (!is_white_space(first_code_point(text.substr(last)).value)) break;
        text = text.substr(0, last);
    }
    return text;
}

size_t begin_space(std::string_view text) {
    size_t length = 0;
    while (length < text.size()) {
        const CodePoint c = first_code_point(text.substr(length));
        if (!is_white_space(c.value)) break;
        length += c.length;
    }
    return length;
}

}   // namespace

const AddedToken* AddedTokens::longest_at(std::string_view text, size_t at) const {
    const AddedToken* longest = nullptr;
    for (const AddedToken& token : tokens)
        if (text.substr(at).starts_with(token.pattern))
            if (!longest || token.pattern.size() > longest->pattern.size()) longest = &token;
    return longest;
}

const AddedToken* AddedTokens::find(std::string_view content) const {
    for (const AddedToken& token : tokens)
        if (token.content == content) return &token;
    return nullptr;
}

void AddedTokens::scan(std::string_view text, std::vector<int32_t>& ids,
                       const std::function<void(std::string_view)>& plain) const {
    size_t begin = 0, at = 0;
    while (at < text.size()) {
        const AddedToken* token = longest_at(text, at);
        if (!token) {
            at++;
            continue;
        }
        size_t end = at + token->pattern.size();
        const bool inside = ends_in_word(text.substr(0, at)) || begins_in_word(text.substr(end));
        if (!(token->single_word && inside)) {
            std::string_view before = text.substr(begin, at - begin);
            if (token->strip_left) before = without_end_space(before);
            if (token->strip_right) end += begin_space(text.substr(end));
            plain(before);
            ids.push_back(token->id);
            begin = end;
        }
        at = end;
    }
    plain(text.substr(begin));
}

}   // namespace kiln
