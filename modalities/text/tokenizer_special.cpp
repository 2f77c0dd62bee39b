#include <algorithm>

#include "modalities/text/tokenizer_load.h"
#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {

using nlohmann::json;

static constexpr int kLongestText = 1 << 16;
static constexpr const char* kConfig = "tokenizer_config.json";

// The roles in the order in which transformers adds their tokens.
static constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                              "pad_token", "cls_token", "mask_token"};

// Where a tokenizer lists tokens without a role.
static constexpr const char* kListed[] = {"additional_special_tokens", "extra_special_tokens"};

static TokenizerDefaults defaults_of(TokenizerKind kind) {
    if (kind == TokenizerKind::clip)
        return {kind,
                "CLIP",
                "CLIPTokenizer",
                77,
                {{"bos_token", "<|startoftext|>"},
                 {"eos_token", "<|endoftext|>"},
                 {"unk_token", "<|endoftext|>"},
                 {"pad_token", "<|endoftext|>"}}};
    if (kind == TokenizerKind::roberta)
        return {kind,
                "RoBERTa",
                "RobertaTokenizer",
                512,
                {{"bos_token", "<s>"},
                 {"eos_token", "</s>"},
                 {"unk_token", "<unk>"},
                 {"sep_token", "</s>"},
                 {"pad_token", "<pad>"},
                 {"cls_token", "<s>"},
                 {"mask_token", "<mask>"}}};
    return {kind,
            "T5",
            "T5Tokenizer",
            512,
            {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}}};
}

TokenizerLoader::TokenizerLoader(const Tokenizer::Files& files, std::string where,
                                 TokenizerKind kind)
    : files_(files), where_(std::move(where)), defaults_(defaults_of(kind)) {
    for (std::string_view role : kRoles) {
        named_.emplace_back(role, Special{});
        for (const auto& [known, content] : defaults_.tokens)
            if (known == role) named_.back().second.content = content;
    }
}

TokenizerLoader::Special TokenizerLoader::special_from(const json& value,
                                                       const std::string& name) const {
    if (value.is_string()) return {.content = value.get<std::string>()};
    JsonObject fields(value, where_ + "/" + name);
    take(fields.check());
    return {.content = take(fields.string("content")),
            .normalized = take(fields.boolean("normalized", false)),
            .single_word = take(fields.boolean("single_word", false)),
            .strip_left = take(fields.boolean("lstrip", false)),
            .strip_right = take(fields.boolean("rstrip", false))};
}

void TokenizerLoader::set_named(const std::string& role, const json& value,
                                const std::string& name) {
    for (auto& [known, token] : named_)
        if (known == role)
            token = value.is_null() ? Special{} : special_from(value, name + ": " + role);
}

void TokenizerLoader::read_config() {
    if (!files_.config.empty()) config_ = parse(files_.config, kConfig);
    JsonObject fields(config_, where_ + "/" + kConfig);
    const std::string ours(defaults_.tokenizer_class);
    std::string type = take(fields.string("tokenizer_class", ours));
    if (type != ours && type != ours + "Fast" && type != "TokenizersBackend" &&
        type != "PreTrainedTokenizerFast")
        fail(kConfig, "expected a " + ours + ", found " + in_quotes(type));
    for (std::string_view role : kRoles)
        if (config_.contains(role)) set_named(std::string(role), config_[role], kConfig);
    double longest = take(fields.number("model_max_length", double(defaults_.max_length)));
    // transformers writes 1e30 where it has no limit.
    max_length_ = longest >= 2 && longest <= kLongestText ? int(longest) : defaults_.max_length;
}

int TokenizerLoader::extra_ids() const {
    JsonObject fields(config_, where_ + "/" + kConfig);
    const int64_t count = take(fields.integer("extra_ids", 100));
    if (count < 0 || count > 10'000)
        fail(kConfig, "extra_ids: out of range: " + std::to_string(count));
    return int(count);
}

void TokenizerLoader::add_with_id(const std::string& id, const json& value,
                                  const std::string& name) {
    Special token = special_from(value, name);
    bool digits = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == id.npos;
    if (!digits) fail(name, "expected an id, found " + in_quotes(id));
    token.id = std::stoi(id);
    added_.push_back(std::move(token));
}

// Of tokens without a role those that the vocabulary has not go behind it.
void TokenizerLoader::read_listed_tokens(const json& map, const std::string& name) {
    for (const char* key : kListed) {
        if (!map.contains(key) || !map[key].is_array()) continue;
        for (const json& token : map[key]) added_.push_back(special_from(token, name + ": " + key));
    }
}

// A configuration that lists the added tokens is complete; older ones spread them over three files.
void TokenizerLoader::read_added_tokens() {
    JsonObject fields(config_, where_ + "/" + kConfig);
    if (fields.has("added_tokens_decoder")) {
        JsonObject decoder = take(fields.object("added_tokens_decoder"));
        for (const auto& [id, value] : decoder.value().items())
            add_with_id(id, value, std::string(kConfig) + ": added_tokens_decoder");
        return;
    }
    read_listed_tokens(config_, kConfig);
    if (!files_.special_tokens.empty()) {
        json map = parse(files_.special_tokens, "special_tokens_map.json");
        for (const auto& [role, value] : map.items())
            set_named(role, value, "special_tokens_map.json");
        read_listed_tokens(map, "special_tokens_map.json");
    }
    if (!files_.added_tokens.empty()) {
        json map = parse(files_.added_tokens, "added_tokens.json");
        for (const auto& [content, id] : map.items()) {
            bool special = false;
            for (const auto& [role, token] : named_) special = special || token.content == content;
            add_with_id(describe(id), {{"content", content}, {"normalized", !special}},
                        "added_tokens.json");
        }
    }
    if (!tokenizer_.contains("added_tokens")) return;
    for (const json& token : tokenizer_["added_tokens"])
        add_with_id(token.is_object() && token.contains("id") ? describe(token["id"]) : "", token,
                    "tokenizer.json: added_tokens");
}

void TokenizerLoader::read_special_tokens() {
    read_added_tokens();
    if (defaults_.kind == TokenizerKind::t5)
        for (int i = 0, count = extra_ids(); i < count; i++)
            added_.push_back({.content = "<extra_id_" + std::to_string(i) + ">"});
    std::stable_sort(added_.begin(), added_.end(), [](auto& a, auto& b) {
        return a.id.value_or(INT32_MAX) < b.id.value_or(INT32_MAX);
    });
    size_t listed = added_.size();
    for (auto& [role, token] : named_) {
        for (size_t i = 0; i < listed; i++)
            if (added_[i].content == token.content) token = added_[i];
        if (!token.content.empty()) added_.push_back(token);
    }
}

// Of several entries for one token the last counts, as in transformers.
void TokenizerLoader::add(Tokenizer& tokenizer, const Special& token) const {
    int32_t known = tokenizer.find(token.content);
    int32_t id = known >= 0 ? known : token.id.value_or(tokenizer.size_);
    for (auto* set : {&tokenizer.raw_, &tokenizer.normalized_})
        std::erase_if(set->tokens, [&](auto& added) { return added.content == token.content; });
    std::string pattern =
        token.normalized ? tokenizer.scheme_->normalize(token.content) : token.content;
    auto& set = token.normalized ? tokenizer.normalized_ : tokenizer.raw_;
    if (!pattern.empty())
        set.tokens.push_back(
            {token.content, pattern, id, token.single_word, token.strip_left, token.strip_right});
    tokenizer.tokens_by_id_.try_emplace(id, token.content);
    tokenizer.size_ = std::max(tokenizer.size_, id + 1);
}

void TokenizerLoader::set_roles(Tokenizer& tokenizer) const {
    const bool clip = defaults_.kind == TokenizerKind::clip;
    tokenizer.bos_ = tokenizer.eos_ = tokenizer.pad_ = tokenizer.unknown_ = -1;
    for (const auto& [role, token] : named_) {
        int32_t id = token.content.empty() ? -1 : tokenizer.find(token.content);
        // RoBERTa's texts stand between the tokens of these roles, whatever begins a sentence.
        if (role == (clip ? "bos_token" : "cls_token")) tokenizer.bos_ = id;
        if (role == (defaults_.kind == TokenizerKind::roberta ? "sep_token" : "eos_token"))
            tokenizer.eos_ = id;
        if (role == "pad_token") tokenizer.pad_ = id;
        if (role == "unk_token") tokenizer.unknown_ = id;
    }
    if (defaults_.kind == TokenizerKind::t5) {
        tokenizer.bos_ = -1;
        if (tokenizer.eos_ < 0) fail("", "eos_token is needed");
    } else if (tokenizer.bos_ < 0 || tokenizer.eos_ < 0) {
        fail("",
             clip ? "bos_token and eos_token are needed" : "cls_token and sep_token are needed");
    }
    if (tokenizer.pad_ < 0) tokenizer.pad_ = tokenizer.eos_;
    if (tokenizer.unknown_ < 0) tokenizer.unknown_ = tokenizer.eos_;
    tokenizer.max_length_ = max_length_;
}

}   // namespace kiln
