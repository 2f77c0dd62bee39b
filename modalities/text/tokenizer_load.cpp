#include "modalities/text/tokenizer_load.h"

#include <algorithm>
#include <filesystem>

#include "modalities/text/tokenizer_text.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {

using nlohmann::json;

static constexpr int kLongestText = 1 << 16;
static constexpr const char* kConfig = "tokenizer_config.json";

// The roles in the order in which transformers adds their tokens.
static constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                              "pad_token", "cls_token", "mask_token"};

TokenizerLoader::TokenizerLoader(const Tokenizer::Files& files, std::string where)
    : files_(files), where_(std::move(where)) {
    for (std::string_view role : kRoles) named_.emplace_back(role, Special{});
    named_[0].second.content = "<|startoftext|>";
    for (size_t role : {1, 2, 4}) named_[role].second.content = "<|endoftext|>";
}

void TokenizerLoader::fail(const std::string& name, const std::string& why) const {
    throw ResultError({Status::bad_file, where_ + (name.empty() ? "" : "/" + name) + ": " + why});
}

json TokenizerLoader::parse(const std::string& text, const std::string& name) const {
    json document = take(parse_json(text, where_ + "/" + name));
    take(JsonObject(document, where_ + "/" + name).check());
    return document;
}

void TokenizerLoader::read_vocabulary(const json& object, const std::string& name) {
    if (!object.is_object())
        fail(name, "expected the vocabulary, an object, found " + describe(object));
    vocabulary_.reserve(object.size());
    for (const auto& [token, id] : object.items()) {
        if (!id.is_number_integer() || id < 0 || id >= int64_t(1) << 30)
            fail(name, in_quotes(token) + ": expected an id from 0, found " + describe(id));
        vocabulary_.emplace(token, id.get<int32_t>());
    }
    if (vocabulary_.empty()) fail(name, "the vocabulary is empty");
}

void TokenizerLoader::read_merges_text() {
    std::string_view rest = files_.merges;
    for (size_t line = 1; !rest.empty(); line++) {
        size_t end = std::min(rest.find('\n'), rest.size());
        std::string_view text = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (text.ends_with('\r')) text.remove_suffix(1);
        if (text.empty() || text.starts_with("#version")) continue;
        size_t space = text.find(' ');
        if (space == 0 || space == text.npos || text.find(' ', space + 1) != text.npos ||
            space + 1 == text.size())
            fail("merges.txt:" + std::to_string(line),
                 "expected two tokens, found " + in_quotes(text, 60));
        merges_.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
}

void TokenizerLoader::read_merges_list(const json& list, const std::string& name) {
    if (!list.is_array()) fail(name, "merges: expected a list, found " + describe(list));
    for (const json& merge : list) {
        bool pair =
            merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string();
        if (pair) {
            merges_.emplace_back(merge[0], merge[1]);
            continue;
        }
        std::string text = merge.is_string() ? merge.get<std::string>() : "";
        size_t space = text.find(' ');
        if (space == text.npos || text.find(' ', space + 1) != text.npos)
            fail(name, "merges: expected a pair of tokens, found " + describe(merge));
        merges_.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
}

static std::string type_of(const json& value) {
    return value.is_object() && value.contains("type") && value["type"].is_string()
               ? value["type"].get<std::string>()
               : describe(value);
}

// The types of the members of a Sequence, or of the value itself.
static std::string types_of(const json& value, const char* members) {
    if (type_of(value) != "Sequence" || !value.contains(members) || !value[members].is_array())
        return type_of(value);
    std::string types;
    for (const json& member : value[members])
        types += (types.empty() ? "" : ", ") + type_of(member);
    return types;
}

void TokenizerLoader::read_tokenizer_json() {
    const std::string name = "tokenizer.json";
    tokenizer_ = parse(files_.tokenizer, name);
    static const json nothing = json::object();
    auto at = [&](const char* key) -> const json& {
        return tokenizer_.contains(key) ? tokenizer_[key] : nothing;
    };
    const json& model = at("model");
    JsonObject fields(model, where_ + "/" + name + ": model");
    take(fields.check());
    std::string type = take(fields.string("type", "BPE"));
    if (type != "BPE") fail(name, "expected CLIP's byte-pair model, found " + in_quotes(type));
    std::string suffix = take(fields.string("end_of_word_suffix", ""));
    if (suffix != "</w>")
        fail(name, "expected words that end with \"</w>\" (CLIP), found " + in_quotes(suffix));
    std::string normalizer = types_of(at("normalizer"), "normalizers");
    if (normalizer != "NFC, Replace, Lowercase")
        fail(name, "expected CLIP's normalizer (NFC, Replace, Lowercase), found " + normalizer);
    std::string splitter = types_of(at("pre_tokenizer"), "pretokenizers");
    if (splitter != "Split, ByteLevel")
        fail(name, "expected CLIP's pre_tokenizer (Split, ByteLevel), found " + splitter);
    read_vocabulary(model.contains("vocab") ? model["vocab"] : nothing, name);
    read_merges_list(model.contains("merges") ? model["merges"] : nothing, name);
}

void TokenizerLoader::read_model() {
    if (!files_.tokenizer.empty()) return read_tokenizer_json();
    if (files_.merges.empty())
        fail("", "expected tokenizer.json, or vocab.json and merges.txt, found " +
                     std::string(files_.vocabulary.empty() ? "none of them" : "only vocab.json"));
    read_merges_text();
    if (files_.vocabulary.empty())
        vocabulary_ = vocabulary_from_merges(merges_);
    else
        read_vocabulary(parse(files_.vocabulary, "vocab.json"), "vocab.json");
}

TokenizerLoader::Special TokenizerLoader::special_from(const json& value,
                                                       const std::string& name) const {
    if (value.is_string()) return {.content = value.get<std::string>()};
    JsonObject fields(value, where_ + "/" + name);
    take(fields.check());
    return {.content = take(fields.string("content")),
            .normalized = take(fields.boolean("normalized", false)),
            .single_word = take(fields.boolean("single_word", false))};
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
    std::string type = take(fields.string("tokenizer_class", "CLIPTokenizer"));
    if (type != "CLIPTokenizer" && type != "CLIPTokenizerFast" && type != "TokenizersBackend" &&
        type != "PreTrainedTokenizerFast")
        fail(kConfig, "expected a CLIPTokenizer, found " + in_quotes(type));
    for (std::string_view role : kRoles)
        if (config_.contains(role)) set_named(std::string(role), config_[role], kConfig);
    double longest = take(fields.number("model_max_length", 77.0));
    // transformers writes 1e30 where it has no limit.
    max_length_ = longest >= 2 && longest <= kLongestText ? int(longest) : 77;
}

void TokenizerLoader::add_with_id(const std::string& id, const json& value,
                                  const std::string& name) {
    Special token = special_from(value, name);
    bool digits = !id.empty() && id.size() < 10 && id.find_first_not_of("0123456789") == id.npos;
    if (!digits) fail(name, "expected an id, found " + in_quotes(id));
    token.id = std::stoi(id);
    added_.push_back(std::move(token));
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
    if (!files_.special_tokens.empty()) {
        json map = parse(files_.special_tokens, "special_tokens_map.json");
        for (const auto& [role, value] : map.items())
            set_named(role, value, "special_tokens_map.json");
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
    read_config();
    read_added_tokens();
    std::stable_sort(added_.begin(), added_.end(), [](auto& a, auto& b) { return a.id < b.id; });
    size_t listed = added_.size();
    for (auto& [role, token] : named_) {
        for (size_t i = 0; i < listed; i++)
            if (added_[i].content == token.content) token = added_[i];
        if (!token.content.empty()) added_.push_back(token);
    }
}

// Of several entries for one token the last counts, as in transformers.
int32_t TokenizerLoader::add(Tokenizer& tokenizer, const Special& token) const {
    int32_t known = tokenizer.find(token.content);
    int32_t id = known >= 0 ? known : token.id.value_or(tokenizer.size_);
    for (auto* set : {&tokenizer.raw_, &tokenizer.normalized_})
        std::erase_if(set->tokens, [&](auto& added) { return added.content == token.content; });
    std::string pattern = token.normalized ? normalize_for_clip(token.content) : token.content;
    auto& set = token.normalized ? tokenizer.normalized_ : tokenizer.raw_;
    if (!pattern.empty()) set.tokens.push_back({token.content, pattern, id, token.single_word});
    tokenizer.tokens_by_id_.try_emplace(id, token.content);
    tokenizer.size_ = std::max(tokenizer.size_, id + 1);
    return id;
}

Tokenizer TokenizerLoader::load() {
    read_model();
    read_special_tokens();
    Tokenizer tokenizer;
    for (const auto& [token, id] : vocabulary_) {
        tokenizer.size_ = std::max(tokenizer.size_, id + 1);
        if (!tokenizer.tokens_by_id_.emplace(id, token).second)
            fail("", "the vocabulary has the id " + std::to_string(id) + " twice");
    }
    tokenizer.pairs_ = take(BytePairs::make(vocabulary_, merges_, where_));
    for (const Special& token : added_) add(tokenizer, token);
    for (auto& [role, token] : named_) {
        int32_t id = token.content.empty() ? -1 : tokenizer.find(token.content);
        if (role == "bos_token") tokenizer.bos_ = id;
        if (role == "eos_token") tokenizer.eos_ = id;
        if (role == "pad_token") tokenizer.pad_ = id;
        if (role == "unk_token") tokenizer.unknown_ = id;
    }
    if (tokenizer.bos_ < 0 || tokenizer.eos_ < 0) fail("", "bos_token and eos_token are needed");
    if (tokenizer.pad_ < 0) tokenizer.pad_ = tokenizer.eos_;
    if (tokenizer.unknown_ < 0) tokenizer.unknown_ = tokenizer.eos_;
    tokenizer.max_length_ = max_length_;
    return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(const Files& files, const std::string& where) {
    try {
        return TokenizerLoader(files, where).load();
    } catch (const ResultError& failed) {
        return failed.error;
    }
}

Result<Tokenizer> Tokenizer::open(const std::string& folder) {
    std::error_code code;
    if (!std::filesystem::is_directory(folder, code))
        return Error{Status::bad_file, folder + ": expected a tokenizer folder, found none"};
    Files files;
    const std::pair<const char*, std::string*> names[] = {
        {"tokenizer.json", &files.tokenizer},
        {"vocab.json", &files.vocabulary},
        {"merges.txt", &files.merges},
        {"tokenizer_config.json", &files.config},
        {"special_tokens_map.json", &files.special_tokens},
        {"added_tokens.json", &files.added_tokens}};
    for (const auto& [name, text] : names) {
        std::string path = folder + "/" + name;
        if (!std::filesystem::exists(path, code)) continue;
        auto read = read_file(path, size_t(64) << 20);
        if (!read) return read.error();
        if (read->empty()) return Error{Status::bad_file, path + ": the file is empty"};
        *text = std::move(*read);
    }
    bool found = !files.tokenizer.empty() || !files.merges.empty();
    if (!found && std::filesystem::exists(folder + "/spiece.model", code))
        return Error{
            Status::bad_file,
            folder + ": expected CLIP's tokenizer, found a SentencePiece model (spiece.model)"};
    return parse(files, folder);
}

}   // namespace kiln
