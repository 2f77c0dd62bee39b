// Tokens that are found in text before it is split into words, as Hugging Face's tokenizers library
// finds them.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

struct AddedToken {
    std::string content;   // as configured
    std::string pattern;   // as looked for; normalised text is searched for normalised tokens
    int32_t id;
    bool single_word = false;                       // not within a word
    bool strip_left = false, strip_right = false;   // takes white space beside it along
};

struct AddedTokens {
    std::vector<AddedToken> tokens;

    // Splits well-formed UTF-8 at these tokens, the longest first; what lies between goes to
    // `plain`.
    void scan(std::string_view text, std::vector<int32_t>& ids,
              const std::function<void(std::string_view)>& plain) const;
    const AddedToken* find(std::string_view content) const;

private:
    const AddedToken* longest_at(std::string_view text, size_t at) const;
};

}   // namespace kiln
