// Text as tokenizers see it, before any vocabulary: what is a character, a word, a symbol.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

// Well-formed UTF-8: every malformed sequence becomes U+FFFD, one for each maximal subpart, as the
// Unicode Standard (3.9, table 3-8) recommends and Python's errors="replace" does.
std::string replace_malformed(std::string_view text);

// NFC, then runs of white space to single spaces, then lower case character by character.
std::string normalize_for_clip(std::string_view utf8);

// CLIP's words of normalised text, views into it: contractions, runs of letters, single digits,
// runs of anything else; white space separates and disappears.
std::vector<std::string_view> split_words(std::string_view utf8);

// GPT-2's words, which together are all of the text: contractions, and runs of letters, of numbers
// or of anything else with the space before them; of longer white space all but its last character
// stands alone. Radford et al. Language Models are Unsupervised Multitask Learners. 2019.
std::vector<std::string_view> split_spaced_words(std::string_view utf8);

std::vector<std::string_view> split_at_white_space(std::string_view utf8);

bool is_white_space(char32_t c);   // the White_Space property, which utf8proc does not carry

bool is_word_character(char32_t c);   // \w: letters, marks, digits, connectors

// One code point and its length at the start of well-formed, non-empty text.
struct CodePoint {
    char32_t value;
    size_t length;
};
CodePoint first_code_point(std::string_view utf8);

// The printable character, as UTF-8, that stands for each byte in the vocabulary (GPT-2's table).
const std::array<std::string, 256>& byte_symbols();
// The bytes in CLIP's order of vocabulary: the printable ones, then the rest.
const std::array<unsigned char, 256>& byte_order();

}   // namespace kiln
