#include "runtime/io/file_name.h"

namespace kiln {

// Length of the UTF-8 sequence at the start of `s` when it encodes something that a file name may
// hold on every system and that a reader can see; 0 otherwise.
static size_t letter_length(std::string_view s) {
    auto byte = [&](size_t i) { return i < s.size() ? uint32_t(uint8_t(s[i])) : 0u; };
    auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
    uint32_t c = byte(0);
    if (c < 0x80) return 0;
    if (c >= 0xc3 && c < 0xe0) return tail(1) ? 2 : 0;   // from U+00C0: letters of most scripts
    if (c >= 0xe1 && c < 0xf0 && tail(1) && tail(2)) {
        uint32_t code = (c & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63);
        bool punctuation = (code >= 0x2000 && code < 0x2c00) || (code >= 0x3000 && code < 0x3040);
        bool special = code >= 0xd800 && (code < 0xf900 || code >= 0xfe00);
        return punctuation || special ? 0 : 3;
    }
    return 0;
}

static bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string file_stem(std::string_view prompt, uint64_t seed) {
    constexpr size_t kLimit = 60;
    std::string stem;
    size_t word = 0;   // where the current word began, so that a cut can fall before it
    bool cut = false;
    while (!prompt.empty()) {
        size_t n = letter_length(prompt);
        if (n == 0 && is_alphanumeric(prompt[0])) n = 1;
        if (n == 0) {
            if (!stem.empty() && stem.back() != '-') stem += '-', word = stem.size();
            prompt.remove_prefix(1);
            continue;
        }
        if ((cut = stem.size() + n > kLimit)) break;
        bool upper = n == 1 && prompt[0] >= 'A' && prompt[0] <= 'Z';
        if (upper)
            stem += char(prompt[0] + ('a' - 'A'));
        else
            stem += prompt.substr(0, n);
        prompt.remove_prefix(n);
    }
    if (cut && word > kLimit / 2) stem.resize(word);
    while (!stem.empty() && stem.back() == '-') stem.pop_back();
    return (stem.empty() ? "kiln" : stem) + "-" + std::to_string(seed);
}

}   // namespace kiln
