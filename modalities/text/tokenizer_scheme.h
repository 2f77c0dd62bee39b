// What the tokenizers of CLIP, RoBERTa and T5 do with text between special tokens.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/text/tokenizer_bpe.h"
#include "modalities/text/tokenizer_charsmap.h"
#include "modalities/text/tokenizer_unigram.h"

namespace kiln {

// All text is well-formed UTF-8.
class TokenizerScheme {
public:
    virtual ~TokenizerScheme() = default;
    virtual std::string normalize(std::string_view text) const = 0;
    // Appends the ids of normalised text; `unknown`, unless negative, where there is none.
    virtual void encode(std::string_view normalized, int32_t unknown,
                        std::vector<int32_t>& ids) const = 0;
    // The text that a token of the vocabulary stands for, the space before or after it included.
    virtual std::string text_of(std::string_view token) const = 0;
    virtual const Vocabulary& vocabulary() const = 0;
};

// Byte pairs of lower-case words that end with "</w>". Radford et al. CLIP. 2021.
std::unique_ptr<TokenizerScheme> clip_scheme(BytePairs pairs);

// Byte pairs of words that begin with their space. Radford et al. GPT-2. 2019, section 2.2; Liu et
// al. RoBERTa. 2019. `leading_space`: text has one before it, like any word.
std::unique_ptr<TokenizerScheme> byte_level_scheme(BytePairs pairs, bool leading_space);

// The likeliest pieces of words that begin with U+2581. Kudo. Subword Regularization. 2018; Raffel
// et al. T5. 2020.
std::unique_ptr<TokenizerScheme> unigram_scheme(Unigram pieces, Charsmap charsmap);

}   // namespace kiln
