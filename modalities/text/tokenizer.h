// Tokenizers: text to the token ids that a text encoder was trained on, exactly as transformers'
// CLIPTokenizer, RobertaTokenizer and T5Tokenizer give them; files as Hugging Face lays them out.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "modalities/text/tokenizer_added.h"
#include "modalities/text/tokenizer_scheme.h"
#include "runtime/base/result.h"

namespace kiln {

struct Tokens {
    std::vector<int32_t> ids;   // BOS, the text, EOS, padding: exactly the length asked for
    int used = 0;               // without the padding; EOS stands at used - 1
    std::string dropped;        // the end of the text that did not fit, as text; empty if all did
};

// clip: the text encoders of CLIP and OpenCLIP. roberta: that of CLAP. t5: T5 and FLAN-T5.
enum class TokenizerKind : uint8_t { clip, roberta, t5 };

// Immutable once made; any number of threads may encode.
class Tokenizer {
public:
    // From a folder that holds tokenizer.json; or vocab.json and merges.txt (clip, roberta), or
    // merges.txt alone, whose vocabulary is then CLIP's; or spiece.model (t5); with
    // tokenizer_config.json, special_tokens_map.json and added_tokens.json if present. Missing or
    // damaged files and tokenizers of another kind: Status::bad_file.
    static Result<Tokenizer> open(const std::string& folder,
                                  TokenizerKind kind = TokenizerKind::clip);

    // The same from files in memory; an empty one is absent. `where` begins every message.
    struct Files {
        std::string tokenizer, vocabulary, merges, config, special_tokens, added_tokens;
        std::string pieces;   // spiece.model
    };
    static Result<Tokenizer> parse(const Files& files, const std::string& where,
                                   TokenizerKind kind = TokenizerKind::clip);

    // At most `length` ids with BOS (which T5 has not) and EOS, padded to it; 0 means max_length().
    // What is no UTF-8 becomes U+FFFD. `length` has room for BOS and EOS. The first `used` are what
    // an attention mask shows.
    Tokens encode(std::string_view text, int length = 0) const;
    // All of the text, without BOS, EOS or padding. Special tokens in the text become their ids.
    std::vector<int32_t> pieces(std::string_view text) const;
    // The text of ids, special tokens included.
    std::string decode(const std::vector<int32_t>& ids) const;

    int32_t bos() const { return bos_; }   // -1: none
    int32_t eos() const { return eos_; }
    int32_t pad() const { return pad_; }
    int max_length() const { return max_length_; }   // 77 or, not of CLIP, 512 where files are mute
    int vocabulary_size() const { return size_; }    // one more than the largest id
    int32_t find(const std::string& token) const;    // its id, or -1

    // Pads with another id: checkpoints in one file carry no tokenizer, and OpenCLIP's encoders pad
    // with 0 where CLIP's pads with EOS. Unlike a pad token in a configuration, text is not
    // searched for it.
    void pad_with(int32_t id) { pad_ = id; }

private:
    friend class TokenizerLoader;

    std::shared_ptr<const TokenizerScheme> scheme_;
    AddedTokens raw_, normalized_;   // found before normalisation, and after
    std::unordered_map<int32_t, std::string> tokens_by_id_;
    int32_t bos_ = -1, eos_ = 0, pad_ = 0, unknown_ = 0;
    int max_length_ = 0, size_ = 0;
};

}   // namespace kiln
