// Reads the files of a tokenizer folder; tokenizer.h is the interface.
#pragma once
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/text/tokenizer.h"

namespace kiln {

// What a kind of tokenizer is where its files do not say.
struct TokenizerDefaults {
    TokenizerKind kind;
    std::string_view name, tokenizer_class;
    int max_length;
    std::vector<std::pair<std::string_view, std::string_view>> tokens;   // role and content
};

// One load of one tokenizer. Throws ResultError; Tokenizer::parse turns it into a Result.
class TokenizerLoader {
public:
    TokenizerLoader(const Tokenizer::Files& files, std::string where, TokenizerKind kind);
    Tokenizer load();

private:
    struct Special {
        std::string content;
        bool normalized = false, single_word = false, strip_left = false, strip_right = false;
        std::optional<int32_t> id;
    };

    // The vocabulary, from whichever files there are: tokenizer_load.cpp.
    std::unique_ptr<TokenizerScheme> read_byte_pairs();
    void read_byte_pairs_json();
    std::unique_ptr<TokenizerScheme> read_unigram();
    std::unique_ptr<TokenizerScheme> read_unigram_json();
    std::unique_ptr<TokenizerScheme> read_sentencepiece();
    void read_vocabulary(const nlohmann::json& object, const std::string& name);
    void read_merges_text();
    void read_merges_list(const nlohmann::json& list, const std::string& name);
    const nlohmann::json& part(const char* key) const;   // of tokenizer.json

    // Tokens with a meaning of their own: tokenizer_special.cpp.
    void read_config();
    void read_added_tokens();
    void read_listed_tokens(const nlohmann::json& map, const std::string& name);
    void read_special_tokens();
    void add_with_id(const std::string& id, const nlohmann::json& value, const std::string& name);
    Special special_from(const nlohmann::json& value, const std::string& name) const;
    void set_named(const std::string& role, const nlohmann::json& value, const std::string& name);
    int extra_ids() const;
    void add(Tokenizer& tokenizer, const Special& token) const;
    void set_roles(Tokenizer& tokenizer) const;

    [[noreturn]] void fail(const std::string& name, const std::string& why) const;
    nlohmann::json parse(const std::string& text, const std::string& name) const;

    const Tokenizer::Files& files_;
    std::string where_;
    TokenizerDefaults defaults_;
    nlohmann::json tokenizer_, config_ = nlohmann::json::object();
    Vocabulary vocabulary_;
    BytePairs::Merges merges_;
    std::vector<Special> added_;                           // in the order in which they are added
    std::vector<std::pair<std::string, Special>> named_;   // role (bos_token, ...) and token
    int max_length_ = 0;
};

}   // namespace kiln
