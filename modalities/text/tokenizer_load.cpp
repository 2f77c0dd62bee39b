#include "modalities/text/tokenizer_load.h"

#include <algorithm>
#include <filesystem>

#include "modalities/text/sentencepiece.h"
#include "modalities/text/tokenizer_text.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/io/magic.h"

namespace kiln {

using nlohmann::json;

static const std::string kJson = "tokenizer.json", kPieces = "spiece.model";

void TokenizerLoader::fail(const std::string& name, const std::string& why) const {
    throw ResultError({Status::bad_file, where_ + (name.empty() ? "" : "/" + name) + ": " + why});
}

json TokenizerLoader::parse(const std::string& text, const std::string& name) const {
    json document = take(parse_json(text, where_ + "/" + name));
    take(JsonObject(document, where_ + "/" + name).check());
    return document;
}

const json& TokenizerLoader::part(const char* key) const {
    static const json nothing = json::object();
    return tokenizer_.contains(key) ? tokenizer_[key] : nothing;
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

void TokenizerLoader::read_byte_pairs_json() {
    const std::string& name = kJson;
    const std::string of(defaults_.name);
    const bool clip = defaults_.kind == TokenizerKind::clip;
    const json& model = part("model");
    JsonObject fields(model, where_ + "/" + name + ": model");
    take(fields.check());
    std::string type = take(fields.string("type", "BPE"));
    if (type != "BPE")
        fail(name, "expected " + of + "'s byte-pair model, found " + in_quotes(type));
    std::string suffix = take(fields.string("end_of_word_suffix", ""));
    if (suffix != (clip ? "</w>" : ""))
        fail(name, (clip ? "expected words that end with \"</w>\" (CLIP), found "
                         : "expected words without an end (RoBERTa), found ") +
                       in_quotes(suffix));
    std::string normalizer = types_of(part("normalizer"), "normalizers");
    if (clip && normalizer != "NFC, Replace, Lowercase")
        fail(name, "expected CLIP's normalizer (NFC, Replace, Lowercase), found " + normalizer);
    if (!clip && !part("normalizer").empty())
        fail(name, "expected no normalizer (RoBERTa), found " + normalizer);
    std::string splitter = types_of(part("pre_tokenizer"), "pretokenizers");
    const std::string expected = clip ? "Split, ByteLevel" : "ByteLevel";
    if (splitter != expected)
        fail(name, "expected " + of + "'s pre_tokenizer (" + expected + "), found " + splitter);
    const json nothing = json::object();
    read_vocabulary(model.contains("vocab") ? model["vocab"] : nothing, name);
    read_merges_list(model.contains("merges") ? model["merges"] : nothing, name);
}

std::unique_ptr<TokenizerScheme> TokenizerLoader::read_byte_pairs() {
    const bool clip = defaults_.kind == TokenizerKind::clip;
    const bool whole = !files_.merges.empty() && (clip || !files_.vocabulary.empty());
    if (!files_.tokenizer.empty()) {
        read_byte_pairs_json();
    } else if (!whole) {
        const char* found = !files_.merges.empty()       ? "only merges.txt"
                            : !files_.vocabulary.empty() ? "only vocab.json"
                                                         : "none of them";
        fail("",
             std::string("expected tokenizer.json, or vocab.json and merges.txt, found ") + found);
    } else {
        read_merges_text();
        if (files_.vocabulary.empty())
            vocabulary_ = vocabulary_from_merges(merges_);
        else
            read_vocabulary(parse(files_.vocabulary, "vocab.json"), "vocab.json");
    }
    BytePairs pairs =
        take(BytePairs::make(std::move(vocabulary_), merges_, clip ? "</w>" : "", where_));
    if (clip) return clip_scheme(std::move(pairs));
    const JsonObject config(config_, where_);
    return byte_level_scheme(std::move(pairs), take(config.boolean("add_prefix_space", false)));
}

// RFC 4648, section 4; nothing where it is damaged.
static std::optional<std::string> from_base64(std::string_view text) {
    static constexpr std::string_view kDigits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    while (text.ends_with('=')) text.remove_suffix(1);
    std::string bytes;
    uint32_t bits = 0;
    int count = 0;
    for (char c : text) {
        const size_t digit = kDigits.find(c);
        if (digit == kDigits.npos) return {};
        bits = bits << 6 | uint32_t(digit);
        if ((count += 6) < 8) continue;
        count -= 8;
        bytes += char(bits >> count & 0xff);
    }
    return bytes;
}

std::unique_ptr<TokenizerScheme> TokenizerLoader::read_unigram_json() {
    const std::string where = where_ + "/" + kJson;
    const json& model = part("model");
    JsonObject fields(model, where + ": model");
    take(fields.check());
    const std::string type = take(fields.string("type", "Unigram"));
    if (type != "Unigram") fail(kJson, "expected T5's Unigram model, found " + in_quotes(type));
    if (take(fields.boolean("byte_fallback", false)))
        fail(kJson, "expected unknown text without bytes (T5), found byte_fallback: true");
    const std::string splitter = types_of(part("pre_tokenizer"), "pretokenizers");
    if (splitter != "WhitespaceSplit, Metaspace" && splitter != "Metaspace")
        fail(kJson, "expected T5's pre_tokenizer (WhitespaceSplit, Metaspace), found " + splitter);

    Unigram::Pieces pieces;
    const json& vocabulary = model.contains("vocab") ? model["vocab"] : json();
    if (!vocabulary.is_array())
        fail(kJson, "expected the vocabulary, a list, found " + describe(vocabulary));
    for (const json& piece : vocabulary) {
        if (!piece.is_array() || piece.size() != 2 || !piece[0].is_string() ||
            !piece[1].is_number())
            fail(kJson, "vocab: expected a piece and its score, found " + describe(piece));
        pieces.emplace_back(piece[0].get<std::string>(), piece[1].get<double>());
    }

    Charsmap charsmap;
    const json& normalizer = part("normalizer");
    const json list = type_of(normalizer) == "Sequence" && normalizer.contains("normalizers")
                          ? normalizer["normalizers"]
                          : json::array({normalizer});
    for (const json& step : list) {
        if (step.is_null() || step.empty() || type_of(step) == "Strip" ||
            type_of(step) == "Replace")
            continue;   // white space, which goes in any case
        if (type_of(step) != "Precompiled")
            fail(kJson, "expected T5's normalizer (Precompiled), found " + type_of(step));
        const std::string text =
            take(JsonObject(step, where + ": normalizer").string("precompiled_charsmap", ""));
        const auto blob = from_base64(text);
        if (!blob) fail(kJson, "precompiled_charsmap: expected base64");
        charsmap = take(Charsmap::parse(*blob, where));
    }
    const int64_t unknown = take(fields.integer("unk_id", 2));
    return unigram_scheme(take(Unigram::make(std::move(pieces), unknown, where)),
                          std::move(charsmap));
}

std::unique_ptr<TokenizerScheme> TokenizerLoader::read_sentencepiece() {
    const std::string where = where_ + "/" + kPieces;
    SentencePieceModel model = take(parse_sentencepiece(files_.pieces, where));
    if (model.algorithm != SentencePieceModel::Algorithm::unigram)
        fail(kPieces, "expected T5's unigram model, found number " +
                          std::to_string(int(model.algorithm)) + " (2 is byte pairs)");
    Unigram::Pieces pieces;
    using Type = SentencePieceModel::Type;
    for (SentencePieceModel::Piece& piece : model.pieces) {
        if (piece.type == Type::control || piece.type == Type::user_defined)
            added_.push_back({.content = piece.text, .id = int32_t(pieces.size())});
        pieces.emplace_back(std::move(piece.text), piece.score);
    }
    // T5's sentinels are not in the file.
    for (int i = extra_ids() - 1; i >= 0; i--)
        pieces.emplace_back("<extra_id_" + std::to_string(i) + ">", 0.0);
    return unigram_scheme(take(Unigram::make(std::move(pieces), model.unknown, where)),
                          take(Charsmap::parse(model.charsmap, where)));
}

std::unique_ptr<TokenizerScheme> TokenizerLoader::read_unigram() {
    if (!files_.tokenizer.empty()) return read_unigram_json();
    if (files_.pieces.empty()) fail("", "expected tokenizer.json or spiece.model, found neither");
    return read_sentencepiece();
}

Tokenizer TokenizerLoader::load() {
    if (!files_.tokenizer.empty()) tokenizer_ = parse(files_.tokenizer, kJson);
    read_config();
    Tokenizer tokenizer;
    tokenizer.scheme_ = defaults_.kind == TokenizerKind::t5 ? read_unigram() : read_byte_pairs();
    read_special_tokens();
    for (const auto& [token, id] : tokenizer.scheme_->vocabulary()) {
        tokenizer.size_ = std::max(tokenizer.size_, id + 1);
        if (!tokenizer.tokens_by_id_.emplace(id, token).second)
            fail("", "the vocabulary has the id " + std::to_string(id) + " twice");
    }
    for (const Special& token : added_) add(tokenizer, token);
    set_roles(tokenizer);
    return tokenizer;
}

Result<Tokenizer> Tokenizer::parse(const Files& files, const std::string& where,
                                   TokenizerKind kind) {
    try {
        return TokenizerLoader(files, where, kind).load();
    } catch (const ResultError& failed) {
        return failed.error;
    }
}

Result<Tokenizer> Tokenizer::open(const std::string& folder, TokenizerKind kind) {
    std::error_code code;
    if (!std::filesystem::is_directory(folder, code))
        return Error{Status::bad_file, folder + ": expected a tokenizer folder, found none"};
    Files files;
    const std::pair<std::string, std::string*> names[] = {
        {kJson, &files.tokenizer},
        {"vocab.json", &files.vocabulary},
        {"merges.txt", &files.merges},
        {"tokenizer_config.json", &files.config},
        {"special_tokens_map.json", &files.special_tokens},
        {"added_tokens.json", &files.added_tokens},
        {kPieces, &files.pieces}};
    for (const auto& [name, text] : names) {
        std::string path = folder + "/" + name;
        if (!std::filesystem::exists(path, code)) continue;
        auto read = read_file(path, size_t(64) << 20);
        if (!read) return read.error();
        if (read->empty()) return Error{Status::bad_file, path + ": the file is empty"};
        *text = std::move(*read);
    }
    bool found = !files.tokenizer.empty() || !files.merges.empty();
    if (!found && kind != TokenizerKind::t5 && !files.pieces.empty())
        return Error{Status::bad_file,
                     folder + ": expected byte pairs, found a SentencePiece model (spiece.model)"};
    return parse(files, folder, kind);
}

}   // namespace kiln
