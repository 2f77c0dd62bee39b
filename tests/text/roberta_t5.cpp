// The tokenizers of CLAP (RoBERTa) and T5: tools/reference/roberta_t5.py is the other
// half.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "modalities/text/tokenizer.h"
#include "modalities/text/tokenizer_text.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"

using namespace kiln;
using Catch::Matchers::ContainsSubstring;

namespace {

const std::string kGolden = KILN_GOLDEN_DIR "/text/";

std::string text_of(const std::string& path) { return take(read_file(kGolden + path)); }

void agrees_with(const Tokenizer& tokenizer, const std::string& name) {
    const nlohmann::json golden = take(read_json(kGolden + name));
    CHECK(tokenizer.bos() == golden["bos"]);
    CHECK(tokenizer.eos() == golden["eos"]);
    CHECK(tokenizer.pad() == golden["pad"]);
    CHECK(tokenizer.max_length() == golden["max_length"]);
    CHECK(golden["cases"].size() >= 30);
    const size_t begin = tokenizer.bos() < 0 ? 0 : 1;
    for (const auto& item : golden["cases"]) {
        const std::string prompt = item[0];
        std::vector<int32_t> expected = item[1], ids = tokenizer.pieces(prompt);
        INFO(item[0].dump());
        CHECK(ids.size() == item[2]);
        ids.resize(std::min(ids.size(), size_t(90)));   // of which goldens keep so many
        CHECK(ids == expected);

        const size_t room = size_t(tokenizer.max_length()) - 1 - begin;
        const Tokens tokens = tokenizer.encode(prompt);
        CHECK(tokens.dropped.empty() == (item[2] <= room));
        if (expected.size() > room) expected.resize(room);
        if (begin) expected.insert(expected.begin(), tokenizer.bos());
        expected.push_back(tokenizer.eos());
        CHECK(size_t(tokens.used) == expected.size());
        expected.resize(size_t(tokenizer.max_length()), tokenizer.pad());
        CHECK(tokens.ids == expected);
    }
}

}   // namespace

TEST_CASE("a RoBERTa vocabulary gives transformers' ids in both layouts") {
    const std::string folder = GENERATE("roberta", "roberta_saved");
    CAPTURE(folder);
    agrees_with(take(Tokenizer::open(kGolden + folder, TokenizerKind::roberta)), "roberta.json");
}

TEST_CASE("RoBERTa's text has a space before it where the configuration says so") {
    nlohmann::json config = take(read_json(kGolden + "roberta/tokenizer_config.json"));
    config["add_prefix_space"] = true;
    config["mask_token"] = "<mask>";
    const Tokenizer::Files files{.vocabulary = text_of("roberta/vocab.json"),
                                 .merges = text_of("roberta/merges.txt"),
                                 .config = config.dump()};
    agrees_with(take(Tokenizer::parse(files, "spaced", TokenizerKind::roberta)),
                "roberta_spaced.json");
}

TEST_CASE("a T5 vocabulary gives transformers' ids in both layouts") {
    const std::string folder = GENERATE("t5", "t5_saved");
    CAPTURE(folder);
    agrees_with(take(Tokenizer::open(kGolden + folder, TokenizerKind::t5)), "t5.json");
}

TEST_CASE("special tokens are where these tokenizers have them") {
    const Tokenizer roberta = take(Tokenizer::open(kGolden + "roberta", TokenizerKind::roberta));
    CHECK(roberta.bos() == roberta.find("<s>"));
    CHECK(roberta.eos() == roberta.find("</s>"));
    CHECK(roberta.encode("", 4).ids ==
          std::vector<int32_t>{roberta.bos(), roberta.eos(), roberta.pad(), roberta.pad()});
    const Tokenizer t5 = take(Tokenizer::open(kGolden + "t5", TokenizerKind::t5));
    CHECK(t5.bos() == -1);
    CHECK(t5.encode("", 3).ids == std::vector<int32_t>{1, 0, 0});
    CHECK(t5.encode("", 3).used == 1);
    CHECK(t5.encode("a dog", 1).ids == std::vector<int32_t>{1});
    CHECK(t5.find("<extra_id_0>") == t5.vocabulary_size() - 1);
}

TEST_CASE("text that does not fit is reported as it was written") {
    const Tokenizer roberta = take(Tokenizer::open(kGolden + "roberta", TokenizerKind::roberta));
    const std::string text = "a dog barks, it's raining";
    const Tokens tokens = roberta.encode(text, 5);
    CHECK(!tokens.dropped.empty());
    CHECK(text.ends_with(tokens.dropped));
    CHECK(roberta.decode(roberta.pieces(text)) == text);
    const Tokenizer t5 = take(Tokenizer::open(kGolden + "t5", TokenizerKind::t5));
    CHECK(t5.decode(t5.pieces(text)) == text);
    CHECK(text.ends_with(t5.encode(text, 5).dropped));
}

TEST_CASE("white space is split off as GPT-2 does it") {
    using Words = std::vector<std::string_view>;
    CHECK(split_spaced_words("it's  a\n\n b") == Words{"it", "'s", " ", " a", "\n\n", " b"});
    CHECK(split_spaced_words("a\nb \n") == Words{"a", "\n", "b", " \n"});
    CHECK(split_spaced_words("x12 34!? 'S") == Words{"x", "12", " 34", "!?", " '", "S"});
    CHECK(split_spaced_words("\u3000\u3000a\u3000b") ==
          Words{"\u3000", "\u3000", "a", "\u3000", "b"});
    CHECK(split_spaced_words("").empty());
    CHECK(split_at_white_space(" a\u00a0\tb\n") == Words{"a", "b"});
}

TEST_CASE("a long word takes little time in any tokenizer") {
    const std::string word(200'000, 'a'), marks = [] {
        std::string text;
        for (int i = 0; i < 100'000; i++) text += "\u0301";
        return text;
    }();
    const Tokenizer roberta = take(Tokenizer::open(kGolden + "roberta", TokenizerKind::roberta));
    const Tokenizer t5 = take(Tokenizer::open(kGolden + "t5", TokenizerKind::t5));
    for (const std::string& text : {word, marks}) {
        CHECK(roberta.pieces(text).size() > 1000);
        CHECK(!t5.pieces(text).empty());
    }
}

namespace {

void refused(TokenizerKind kind, const Tokenizer::Files& files, const std::string& message) {
    const auto tokenizer = Tokenizer::parse(files, "here", kind);
    INFO(message);
    REQUIRE(!tokenizer.ok());
    CHECK(tokenizer.error().status == Status::bad_file);
    CHECK_THAT(tokenizer.error().message, ContainsSubstring(message));
}

// A field of a protocol buffer.
std::string field(int number, const std::string& value) {
    return std::string{char(number << 3 | 2), char(value.size())} + value;
}
std::string piece(const std::string& text, const std::string& score = {0, 0, '\x80', '\xbf'}) {
    return field(1, field(1, text) + std::string(1, 2 << 3 | 5) + score);
}
const std::string kPieces = piece("<pad>") + piece("</s>") + piece("<unk>") + piece("a");

}   // namespace

TEST_CASE("a RoBERTa tokenizer that is not one is refused by name") {
    const auto not_one = [](const Tokenizer::Files& files, const std::string& message) {
        refused(TokenizerKind::roberta, files, message);
    };
    const std::string vocabulary = R"({"a":0,"<s>":1,"</s>":2})";
    CHECK(Tokenizer::parse({.vocabulary = vocabulary, .merges = "#version\n"}, "x",
                           TokenizerKind::roberta));
    not_one({}, "found none of them");
    not_one({.merges = "a b\n"}, "found only merges.txt");
    not_one({.vocabulary = vocabulary,
             .merges = "#version\n",
             .config = R"({"tokenizer_class":"CLIPTokenizer"})"},
            "expected a RobertaTokenizer, found \"CLIPTokenizer\"");
    not_one({.vocabulary = vocabulary, .merges = "#version\n", .config = R"({"cls_token":null})"},
            "cls_token and sep_token are needed");
    not_one(
        {.vocabulary = vocabulary, .merges = "#version\n", .config = R"({"add_prefix_space":3})"},
        "add_prefix_space");
    not_one({.tokenizer = R"({"model":{"type":"BPE","end_of_word_suffix":"</w>"}})"},
            "found \"</w>\"");
    not_one({.tokenizer = R"({"model":{"type":"Unigram"}})"}, "found \"Unigram\"");
    not_one({.tokenizer = R"({"model":{"type":"BPE"},"normalizer":{"type":"NFC"}})"}, "NFC");
    not_one({.tokenizer = R"({"model":{"type":"BPE"},"pre_tokenizer":{"type":"Whitespace"}})"},
            "found Whitespace");
}

TEST_CASE("a tokenizer.json that is not T5's is refused by name") {
    const auto not_one = [](const std::string& model, const std::string& rest,
                            const std::string& message) {
        refused(TokenizerKind::t5, {.tokenizer = "{\"model\":" + model + rest + "}"}, message);
    };
    const std::string parts = R"(,"pre_tokenizer":{"type":"Metaspace"})";
    const std::string whole =
        R"({"type":"Unigram","unk_id":2,"vocab":[["<pad>",0],["</s>",0],["<unk>",0]]})";
    CHECK(Tokenizer::parse({.tokenizer = "{\"model\":" + whole + parts + "}"}, "x",
                           TokenizerKind::t5));
    not_one(R"({"type":"BPE"})", parts, "expected T5's Unigram model, found \"BPE\"");
    not_one(R"({"byte_fallback":true})", parts, "byte_fallback");
    not_one(whole, "", "expected T5's pre_tokenizer");
    not_one(R"({"vocab":{}})", parts, "expected the vocabulary, a list");
    not_one(R"({"vocab":[["a"]]})", parts, "expected a piece and its score");
    not_one(R"({"vocab":[]})", parts, "the vocabulary is empty");
    not_one(R"({"unk_id":1,"vocab":[["a",0]]})", parts, "found 1");
    not_one(R"({"unk_id":0,"vocab":[["a",0],["a",1]]})", parts, "piece 1: \"a\" is there twice");
    not_one(R"({"unk_id":0,"vocab":[["",0]]})", parts, "piece 0 is empty");
    not_one(whole, parts + R"(,"normalizer":{"type":"Lowercase"})", "found Lowercase");
    not_one(whole, parts + R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"!"})",
            "base64");
    not_one(whole, parts + R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"})",
            "does not fit");
    refused(TokenizerKind::t5,
            {.tokenizer = "{\"model\":" + whole + parts + "}", .config = R"({"extra_ids":-1})"},
            "extra_ids");
}

TEST_CASE("a damaged spiece.model is refused by name") {
    const auto damaged = [](const std::string& pieces, const std::string& message) {
        refused(TokenizerKind::t5, {.pieces = pieces}, message);
    };
    CHECK(Tokenizer::parse({.pieces = kPieces}, "x", TokenizerKind::t5));
    refused(TokenizerKind::t5, {}, "expected tokenizer.json or spiece.model, found neither");
    damaged("x", "here/spiece.model: not a SentencePiece model");
    damaged(kPieces.substr(0, kPieces.size() - 1), "before the end");
    damaged(std::string(12, '\xff'), "ten bytes");
    damaged({3}, "a field of kind 3");
    damaged(field(2, ""), "no pieces");
    damaged(kPieces + field(2, {3 << 3, 2}), "found number 2 (2 is byte pairs)");
    damaged(kPieces + piece("a"), "piece 4: \"a\" is there twice");
    damaged(kPieces + piece(""), "piece 4 is empty");
    damaged(kPieces + piece("\xff"), "piece 4 is not UTF-8");
    damaged(kPieces + piece("b", {0, 0, '\xc0', '\x7f'}), "piece 4: the score is not finite");
    damaged(kPieces + field(2, {char(40 << 3 | 0x80), 2, 127}), "found 127");
    damaged(kPieces + field(3, field(2, "abc")), "does not fit into 3");
    const std::string trie{4, 0, 0, 0, 0, 0, 0, 0};
    CHECK(Tokenizer::parse({.pieces = kPieces + field(3, field(2, trie))}, "x", TokenizerKind::t5));
    damaged(kPieces + field(3, field(2, trie + "a")), "does not end");
    damaged(kPieces + field(3, field(2, trie + std::string{'\xff', 0})), "not UTF-8");
}
