#include "modalities/text/tokenizer_scheme.h"

#include <unordered_map>

#include "modalities/text/tokenizer_text.h"

namespace kiln {
namespace {

constexpr std::string_view kWordEnd = "</w>";
constexpr std::string_view kSpace = "\xe2\x96\x81";   // U+2581, which stands for a space

// The bytes that the symbols of a byte-level token stand for; other characters as they are.
std::string bytes_of(std::string_view token) {
    static const auto byte_of = [] {
        std::unordered_map<std::string_view, char> table;
        for (size_t b = 0; b < 256; b++) table[byte_symbols()[b]] = char(b);
        return table;
    }();
    std::string text;
    while (!token.empty()) {
        const size_t length = first_code_point(token).length;
        const auto byte = byte_of.find(token.substr(0, length));
        if (byte != byte_of.end())
            text += byte->second;
        else
            text += token.substr(0, length);
        token.remove_prefix(length);
    }
    return text;
}

class ClipScheme : public TokenizerScheme {
public:
    explicit ClipScheme(BytePairs pairs) : pairs_(std::move(pairs)) {}
    std::string normalize(std::string_view text) const override { return normalize_for_clip(text); }
    void encode(std::string_view normalized, int32_t unknown,
                std::vector<int32_t>& ids) const override {
        for (std::string_view word : split_words(normalized)) pairs_.encode(word, unknown, ids);
    }
    std::string text_of(std::string_view token) const override {
        if (!token.ends_with(kWordEnd)) return bytes_of(token);
        return bytes_of(token.substr(0, token.size() - kWordEnd.size())) + " ";
    }
    const Vocabulary& vocabulary() const override { return pairs_.vocabulary(); }

private:
    BytePairs pairs_;
};

class ByteLevelScheme : public TokenizerScheme {
public:
    ByteLevelScheme(BytePairs pairs, bool leading_space)
        : pairs_(std::move(pairs)), leading_space_(leading_space) {}
    std::string normalize(std::string_view text) const override { return std::string(text); }
    void encode(std::string_view text, int32_t, std::vector<int32_t>& ids) const override {
        std::string spaced;
        if (leading_space_ && !text.empty() && text.front() != ' ')
            text = spaced = " " + std::string(text);
        // A symbol without an id is left out: the published tokenizer gives this model no token
        // for it.
        for (std::string_view word : split_spaced_words(text)) pairs_.encode(word, -1, ids);
    }
    std::string text_of(std::string_view token) const override { return bytes_of(token); }
    const Vocabulary& vocabulary() const override { return pairs_.vocabulary(); }

private:
    BytePairs pairs_;
    bool leading_space_;
};

class UnigramScheme : public TokenizerScheme {
public:
    UnigramScheme(Unigram pieces, Charsmap charsmap)
        : pieces_(std::move(pieces)), charsmap_(std::move(charsmap)) {}
    std::string normalize(std::string_view text) const override { return charsmap_.apply(text); }
    void encode(std::string_view normalized, int32_t, std::vector<int32_t>& ids) const override {
        for (std::string_view word : split_at_white_space(normalized)) {
            std::string spaced(word.starts_with(kSpace) ? "" : kSpace);
            spaced += word;
            std::string_view rest = spaced;
            while (!rest.empty()) {
                const size_t end = std::min(rest.find(kSpace, kSpace.size()), rest.size());
                pieces_.encode(rest.substr(0, end), ids);
                rest.remove_prefix(end);
            }
        }
    }
    std::string text_of(std::string_view token) const override {
        std::string text;
        while (!token.empty()) {
            const bool space = token.starts_with(kSpace);
            text += space ? " " : token.substr(0, 1);
            token.remove_prefix(space ? kSpace.size() : 1);
        }
        return text;
    }
    const Vocabulary& vocabulary() const override { return pieces_.vocabulary(); }

private:
    Unigram pieces_;
    Charsmap charsmap_;
};

}   // namespace

std::unique_ptr<TokenizerScheme> clip_scheme(BytePairs pairs) {
    return std::make_unique<ClipScheme>(std::move(pairs));
}

std::unique_ptr<TokenizerScheme> byte_level_scheme(BytePairs pairs, bool leading_space) {
    return std::make_unique<ByteLevelScheme>(std::move(pairs), leading_space);
}

std::unique_ptr<TokenizerScheme> unigram_scheme(Unigram pieces, Charsmap charsmap) {
    return std::make_unique<UnigramScheme>(std::move(pieces), std::move(charsmap));
}

}   // namespace kiln
