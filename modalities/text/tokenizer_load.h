// Reads the files of a tokenizer folder; tokenizer.h is the interface.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/text/tokenizer.h"

namespace kiln {

// One load of one tokenizer. Throws ResultError; Tokenizer::parse turns it into a Result.
class TokenizerLoader {
public:
    TokenizerLoader(const Tokenizer::Files& files, std::string where);
    Tokenizer load();

private:
    struct Special {
        std::string content;
        bool normalized = false, single_word = false;
        std::optional<int32_t> id;
    };
    void read_model();   // vocabulary and merges, from whichever files there are
    void read_tokenizer_json();
    void read_vocabulary(const nlohmann::json& object, const std::string& name);
    void read_merges_text();
    void read_merges_list(const nlohmann::json& list, const std::string& name);
    void read_config();
    void read_added_tokens();
    void read_special_tokens();
    void add_with_id(const std::string& id, const nlohmann::json& value, const std::string& name);
    Special special_from(const nlohmann::json& value, const std::string& name) const;
    void set_named(const std::string& role, const nlohmann::json& value, const std::string& name);
    int32_t add(Tokenizer& tokenizer, const Special& token) const;
    [[noreturn]] void fail(const std::string& name, const std::string& why) const;
    nlohmann::json parse(const std::string& text, const std::string& name) const;

    const Tokenizer::Files& files_;
    std::string where_;
    nlohmann::json tokenizer_, config_ = nlohmann::json::object();
    Vocabulary vocabulary_;
    BytePairs::Merges merges_;
    std::vector<Special> added_;                           // in the order in which they are added
    std::vector<std::pair<std::string, Special>> named_;   // role (bos_token, ...) and token
    int max_length_ = 77;
};

}   // namespace kiln
