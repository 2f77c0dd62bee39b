// CLIP's text normalisation and pre-tokenisation: Radford et al., Learning Transferable Visual
// Models From Natural Language Supervision, 2021, in the form that Hugging Face's tokenizers
// library gives it.
#include "modalities/text/tokenizer_text.h"

#include <utf8proc.h>

#include <cstdlib>

#include "runtime/base/check.h"

namespace kiln {

// Length of the well-formed sequence at `s`, or minus the length of the maximal malformed subpart.
static int sequence_length(std::string_view s) {
    auto at = [&](size_t i) { return i < s.size() ? uint8_t(s[i]) : uint8_t(0); };
    uint8_t c = at(0), low = 0x80, high = 0xbf;
    if (c < 0x80) return 1;
    int length = c >= 0xc2 && c < 0xe0   ? 2
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xf0 && c < 0xf5 ? 4
                                         : 0;
    if (length == 0) return -1;
    if (c == 0xe0) low = 0xa0;    // overlong
    if (c == 0xed) high = 0x9f;   // surrogates
    if (c == 0xf0) low = 0x90;
    if (c == 0xf4) high = 0x8f;   // beyond U+10FFFF
    for (int i = 1; i < length; i++) {
        if (at(size_t(i)) < low || at(size_t(i)) > high) return -i;
        low = 0x80, high = 0xbf;
    }
    return length;
}

std::string replace_malformed(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        int n = sequence_length(text);
        if (n > 0)
            out += text.substr(0, size_t(n));
        else
            out += "\xef\xbf\xbd";
        text.remove_prefix(size_t(std::abs(n)));
    }
    return out;
}

CodePoint first_code_point(std::string_view s) {
    auto tail = [&](size_t i) { return char32_t(uint8_t(s[i]) & 63); };
    uint8_t c = uint8_t(s[0]);
    if (c < 0x80) return {c, 1};
    if (c < 0xe0) return {char32_t(c & 31) << 6 | tail(1), 2};
    if (c < 0xf0) return {char32_t(c & 15) << 12 | tail(1) << 6 | tail(2), 3};
    return {char32_t(c & 7) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4};
}

static void append(std::string& out, char32_t c) {
    utf8proc_uint8_t bytes[4];
    auto n = utf8proc_encode_char(utf8proc_int32_t(c), bytes);
    out.append(reinterpret_cast<char*>(bytes), size_t(n));
}

bool is_white_space(char32_t c) {
    return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

static bool in_categories(char32_t c, utf8proc_category_t first, utf8proc_category_t last) {
    auto category = utf8proc_category(utf8proc_int32_t(c));
    return category >= first && category <= last;
}
static bool is_letter(char32_t c) {
    return in_categories(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO);
}
static bool is_number(char32_t c) {
    return in_categories(c, UTF8PROC_CATEGORY_ND, UTF8PROC_CATEGORY_NO);
}

bool is_word_character(char32_t c) {
    return in_categories(c, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_ND) ||
           in_categories(c, UTF8PROC_CATEGORY_PC, UTF8PROC_CATEGORY_PC);
}

static std::string compose(std::string_view utf8) {
    bool ascii = true;
    for (char c : utf8) ascii = ascii && uint8_t(c) < 0x80;
    if (ascii) return std::string(utf8);
    utf8proc_uint8_t* result = nullptr;
    auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(utf8.data()),
                             utf8proc_ssize_t(utf8.size()), &result,
                             utf8proc_option_t(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
    ensure(size >= 0, "well-formed UTF-8 composes");
    std::string composed(reinterpret_cast<char*>(result), size_t(size));
    std::free(result);
    return composed;
}

std::string normalize_for_clip(std::string_view utf8) {
    std::string composed = compose(utf8), out;
    bool after_space = false;
    for (std::string_view rest = composed; !rest.empty();) {
        auto [c, length] = first_code_point(rest);
        rest.remove_prefix(length);
        bool space = is_white_space(c);
        if (space && !after_space) out += ' ';
        if (!space && c == 0x130)
            out += "i\xcc\x87";   // the one lower case that is two characters
        else if (!space)
            append(out, char32_t(utf8proc_tolower(utf8proc_int32_t(c))));
        after_space = space;
    }
    return out;
}

// Length of the words that the pattern names literally, at the start of `s`; 0 if none is there.
static size_t contraction_length(std::string_view s) {
    for (std::string_view word : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
        if (s.starts_with(word)) return word.size();
    return 0;
}

template <class Predicate>
static size_t run_length(std::string_view s, Predicate belongs) {
    size_t n = 0;
    while (n < s.size()) {
        auto [c, length] = first_code_point(s.substr(n));
        if (!belongs(c)) break;
        n += length;
    }
    return n;
}

std::vector<std::string_view> split_words(std::string_view s) {
    auto is_other = [](char32_t c) { return !is_white_space(c) && !is_letter(c) && !is_number(c); };
    std::vector<std::string_view> words;
    auto take = [&](size_t length) {
        words.push_back(s.substr(0, length));
        s.remove_prefix(length);
    };
    while (!s.empty()) {
        auto [c, length] = first_code_point(s);
        bool special = s.starts_with("<|startoftext|>") || s.starts_with("<|endoftext|>");
        if (special) {   // one match of the pattern, which the byte-level pass then splits in three
            take(2);
            take(run_length(s, is_letter));
            take(2);
        } else if (size_t n = contraction_length(s))
            take(n);
        else if (is_letter(c))
            take(run_length(s, is_letter));
        else if (is_number(c))
            take(length);
        else if (is_other(c))
            take(run_length(s, is_other));
        else
            s.remove_prefix(length);
    }
    return words;
}

// The length of the word that `s` begins with; it is not empty.
static size_t spaced_word_length(std::string_view s) {
    if (const size_t n = contraction_length(s)) return n;
    const size_t space = s[0] == ' ' && s.size() > 1 ? 1 : 0;
    const std::string_view rest = s.substr(space);
    const char32_t c = first_code_point(rest).value;
    if (is_letter(c)) return space + run_length(rest, is_letter);
    if (is_number(c)) return space + run_length(rest, is_number);
    if (!is_white_space(c))
        return space + run_length(rest, [](char32_t o) {
                   return !is_white_space(o) && !is_letter(o) && !is_number(o);
               });
    const size_t run = run_length(s, is_white_space);
    size_t last = run - 1;
    while ((uint8_t(s[last]) & 0xc0) == 0x80) last--;
    return run == s.size() || last == 0 ? run : last;   // the last one belongs to what follows
}

std::vector<std::string_view> split_spaced_words(std::string_view s) {
    std::vector<std::string_view> words;
    while (!s.empty()) {
        words.push_back(s.substr(0, spaced_word_length(s)));
        s.remove_prefix(words.back().size());
    }
    return words;
}

std::vector<std::string_view> split_at_white_space(std::string_view s) {
    std::vector<std::string_view> words;
    while (!s.empty()) {
        s.remove_prefix(run_length(s, is_white_space));
        const size_t length = run_length(s, [](char32_t c) { return !is_white_space(c); });
        if (length) words.push_back(s.substr(0, length));
        s.remove_prefix(length);
    }
    return words;
}

static bool printable(int b) { return (b >= 33 && b < 127) || (b >= 161 && b < 173) || b >= 174; }

const std::array<std::string, 256>& byte_symbols() {
    static const auto table = [] {
        std::array<std::string, 256> symbols;
        char32_t next = 256;
        for (int b = 0; b < 256; b++)
            append(symbols[size_t(b)], printable(b) ? char32_t(b) : next++);
        return symbols;
    }();
    return table;
}

const std::array<unsigned char, 256>& byte_order() {
    static const auto order = [] {
        std::array<unsigned char, 256> bytes{};
        size_t n = 0;
        for (bool wanted : {true, false})
            for (int b = 0; b < 256; b++)
                if (printable(b) == wanted) bytes[n++] = static_cast<unsigned char>(b);
        return bytes;
    }();
    return order;
}

}   // namespace kiln
