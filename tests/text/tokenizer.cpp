#include "modalities/text/tokenizer.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "runtime/io/file.h"
#include "runtime/io/json.h"

using namespace kiln;
using Catch::Matchers::ContainsSubstring;

static const std::string kGolden = KILN_GOLDEN_DIR "/text/";
static const std::string kClip = KILN_SOURCE_DIR "/modalities/text/clip_bpe";

static std::string text_of(const std::string& path) { return take(read_file(path)); }

static void agrees_with(const Tokenizer& tokenizer, const std::string& name) {
    nlohmann::json golden = take(read_json(kGolden + name));
    CHECK(tokenizer.bos() == golden["bos"]);
    CHECK(tokenizer.eos() == golden["eos"]);
    CHECK(tokenizer.pad() == golden["pad"]);
    CHECK(tokenizer.max_length() == golden["max_length"]);
    CHECK(golden["cases"].size() >= 200);
    for (const auto& item : golden["cases"]) {
        std::string prompt = item[0];
        std::vector<int32_t> expected = item[1], ids = tokenizer.pieces(prompt);
        INFO(item[0].dump());
        bool cut = expected.size() == 120;   // goldens keep the first 120 ids
        if (cut && ids.size() > 120) ids.resize(120);
        CHECK(ids == expected);

        if (expected.size() > 75) expected.resize(75);
        expected.insert(expected.begin(), tokenizer.bos());
        expected.push_back(tokenizer.eos());
        Tokens tokens = tokenizer.encode(prompt);
        CHECK(size_t(tokens.used) == expected.size());
        CHECK(tokens.dropped.empty() == (item[1].size() <= 75));
        expected.resize(77, tokenizer.pad());
        CHECK(tokens.ids == expected);
    }
}

TEST_CASE("CLIP's vocabulary gives transformers' ids") {
    agrees_with(take(Tokenizer::open(kClip)), "clip.json");
}

TEST_CASE("the released configurations give transformers' ids, whichever token pads") {
    std::string name = GENERATE("clip_released", "clip_pad_0");
    Tokenizer::Files files{.merges = text_of(kClip + "/merges.txt"),
                           .config = text_of(kGolden + name + "/tokenizer_config.json")};
    if (name == "clip_released")
        files.special_tokens = text_of(kGolden + name + "/special_tokens_map.json");
    agrees_with(take(Tokenizer::parse(files, name)), name + ".json");
}

TEST_CASE("a small vocabulary gives transformers' ids in both layouts") {
    agrees_with(take(Tokenizer::open(kGolden + "small")), "small_golden.json");
    agrees_with(take(Tokenizer::open(kGolden + "small_saved")), "small_saved_golden.json");
}

TEST_CASE("CLIP's vocabulary has its published size and order") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    CHECK(clip.vocabulary_size() == 49408);
    CHECK(clip.find("!") == 0);
    CHECK(clip.find("a</w>") == 320);
    CHECK(clip.find("<|endoftext|>") == 49407);
    CHECK(clip.find("no such token") == -1);
}

TEST_CASE("text that does not fit is reported") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    Tokens tokens = clip.encode("a red cube on a blue sphere", 5);
    CHECK(tokens.ids == std::vector<int32_t>{49406, 320, 736, 11353, 49407});
    CHECK(tokens.dropped == "on a blue sphere");
    CHECK(clip.encode("", 2).ids == std::vector<int32_t>{49406, 49407});
    CHECK(clip.encode("a", 8).used == 3);
}

TEST_CASE("padding with another id leaves the text alone") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    clip.pad_with(0);
    CHECK(clip.encode("hi!", 6).ids == std::vector<int32_t>{49406, 1883, 256, 49407, 0, 0});
}

TEST_CASE("malformed UTF-8 becomes one replacement character a maximal subpart") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    auto same = [&](std::string_view bytes, std::string_view text) {
        CHECK(clip.pieces(bytes) == clip.pieces(text));
    };
    same(
        "a\xff"
        "b",
        "a\xef\xbf\xbd"
        "b");
    same("\xc3", "\xef\xbf\xbd");
    same("\xe2\x82", "\xef\xbf\xbd");                               // one truncated sequence
    same("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");   // a surrogate
    same("\xf0\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");   // overlong
    same("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a long word takes little time") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    CHECK(clip.pieces(std::string(200'000, 'a')).size() > 1000);
}

TEST_CASE("decoding gives words and special tokens") {
    Tokenizer clip = take(Tokenizer::open(kClip));
    CHECK(clip.decode(clip.pieces("Two caf\xc3\xa9s <|endoftext|> x")) ==
          "two caf\xc3\xa9s <|endoftext|> x");
    CHECK(clip.decode({-1, 1 << 30}).empty());
}

static const std::string kVocabulary = R"({"a":0,"b":1,"ab":2,"a</w>":3,"b</w>":4,"ab</w>":5,)"
                                       R"("<|startoftext|>":6,"<|endoftext|>":7})";
static const std::string kMerges = "#version: 0.2\na b</w>\n";
static const std::string kParts = R"(,"normalizer":{"type":"Sequence","normalizers":)"
                                  R"([{"type":"NFC"},{"type":"Replace"},{"type":"Lowercase"}]},)"
                                  R"("pre_tokenizer":{"type":"Sequence","pretokenizers":)"
                                  R"([{"type":"Split"},{"type":"ByteLevel"}]})";
static const std::string kBpe = R"({"type":"BPE","end_of_word_suffix":"</w>")";

static Tokenizer::Files json_file(const std::string& model, const std::string& rest = "") {
    return {.tokenizer = "{\"model\":" + model + rest + "}"};
}

struct Defect {
    Tokenizer::Files files;
    std::string message;
};

static void refused(std::initializer_list<Defect> defects) {
    for (const Defect& defect : defects) {
        auto tokenizer = Tokenizer::parse(defect.files, "here");
        INFO(defect.message);
        REQUIRE(!tokenizer.ok());
        CHECK(tokenizer.error().status == Status::bad_file);
        CHECK_THAT(tokenizer.error().message, ContainsSubstring(defect.message));
    }
}

TEST_CASE("a damaged vocabulary or list of merges is refused by name") {
    CHECK(Tokenizer::parse({.vocabulary = kVocabulary, .merges = kMerges}, "here").ok());
    refused({
        {{}, "here: expected tokenizer.json, or vocab.json and merges.txt, found none of them"},
        {{.vocabulary = kVocabulary}, "found only vocab.json"},
        {{.vocabulary = "[1]", .merges = kMerges},
         "here/vocab.json: expected an object, found a list of 1"},
        {{.vocabulary = "{}", .merges = kMerges}, "here/vocab.json: the vocabulary is empty"},
        {{.vocabulary = "{\"a\":-1}", .merges = kMerges}, "\"a\": expected an id from 0, found -1"},
        {{.vocabulary = "{\"a\":4294967296}", .merges = kMerges},
         "expected an id from 0, found 4294967296"},
        {{.vocabulary = "{\"a\":\"x\"}", .merges = kMerges}, "expected an id from 0, found \"x\""},
        {{.vocabulary = "{\"a\":1,\"b\":1}", .merges = "#version\n"},
         "here: the vocabulary has the id 1 twice"},
        {{.vocabulary = "{\"a\":1,\"a\":2}", .merges = kMerges}, "the key \"a\" stands twice"},
        {{.vocabulary = "{\"a\":1", .merges = kMerges}, "here/vocab.json:1: not JSON"},
        {{.vocabulary = kVocabulary, .merges = "ab\n"},
         "here/merges.txt:1: expected two tokens, found \"ab\""},
        {{.vocabulary = kVocabulary, .merges = "a b\na b c\n"},
         "here/merges.txt:2: expected two tokens"},
        {{.vocabulary = kVocabulary, .merges = "a z\n"},
         "here: merge 1: the token \"z\" is not in the vocabulary"},
        {{.vocabulary = kVocabulary, .merges = "b a\n"},
         "merge 1: the token \"ba\" is not in the vocabulary"},
    });
}

TEST_CASE("a configuration of another tokenizer is refused by name") {
    refused({
        {{.vocabulary = kVocabulary,
          .merges = kMerges,
          .config = R"({"tokenizer_class":"T5Tokenizer"})"},
         "here/tokenizer_config.json: expected a CLIPTokenizer, found \"T5Tokenizer\""},
        {{.vocabulary = kVocabulary, .merges = kMerges, .config = R"({"bos_token":3})"},
         "expected an object, found 3"},
        {{.vocabulary = kVocabulary, .merges = kMerges, .config = R"({"bos_token":null})"},
         "bos_token and eos_token are needed"},
        {{.vocabulary = kVocabulary, .merges = kMerges, .config = R"({"model_max_length":"x"})"},
         "model_max_length: expected a number, found \"x\""},
        {{.vocabulary = kVocabulary,
          .merges = kMerges,
          .config = R"({"added_tokens_decoder":{"x":{"content":"c"}}})"},
         "added_tokens_decoder: expected an id, found \"x\""},
        {{.vocabulary = kVocabulary, .merges = kMerges, .added_tokens = R"({"<x>":"y"})"},
         "here/added_tokens.json: expected an id"},
    });
}

TEST_CASE("a tokenizer.json that is not CLIP's is refused by name") {
    std::string model = kBpe + ",\"vocab\":" + kVocabulary;
    CHECK(
        Tokenizer::parse(json_file(model + ",\"merges\":[[\"a\",\"b</w>\"]]}", kParts), "x").ok());
    refused({
        {json_file("3"), "here/tokenizer.json: model: expected an object, found 3"},
        {json_file(R"({"type":"Unigram"})"), "expected CLIP's byte-pair model, found \"Unigram\""},
        {json_file(R"({"type":"BPE"})"), "expected words that end with \"</w>\""},
        {json_file(kBpe + "}"),
         "expected CLIP's normalizer (NFC, Replace, Lowercase), found an object"},
        {json_file(kBpe + ",\"vocab\":3}", kParts), "expected the vocabulary, an object, found 3"},
        {json_file(kBpe + ",\"vocab\":" + kVocabulary + "}", kParts),
         "merges: expected a list, found an object"},
        {json_file(kBpe + ",\"vocab\":" + kVocabulary + ",\"merges\":[[\"a\"]]}", kParts),
         "merges: expected a pair of tokens, found a list of 1"},
        {json_file(kBpe + ",\"vocab\":" + kVocabulary + ",\"merges\":[\"ab\"]}", kParts),
         "merges: expected a pair of tokens, found \"ab\""},
        {json_file(kBpe + ",\"vocab\":" + kVocabulary + ",\"merges\":[]}",
                   kParts + ",\"added_tokens\":[3]"),
         "added_tokens: expected an object, found 3"},
    });
}

TEST_CASE("a folder without a tokenizer is refused") {
    auto none = Tokenizer::open("/nonexistent/tokenizer");
    REQUIRE(!none.ok());
    CHECK(none.error().status == Status::bad_file);
    CHECK_THAT(none.error().message,
               ContainsSubstring("/nonexistent/tokenizer: expected a tokenizer folder"));
    auto empty = Tokenizer::open(KILN_GOLDEN_DIR);
    REQUIRE(!empty.ok());
    CHECK_THAT(empty.error().message, ContainsSubstring("found none of them"));
}

TEST_CASE("added tokens are found whole, longest first, and get ids behind the vocabulary") {
    Tokenizer::Files files{
        .merges = text_of(kClip + "/merges.txt"),
        .added_tokens = R"({"<cat-toy>":49408,"<cat-toy>s":49409,"Styl\u00c9":49410})"};
    Tokenizer clip = take(Tokenizer::parse(files, "here"));
    CHECK(clip.vocabulary_size() == 49411);
    CHECK(clip.pieces("a<cat-toy> <CAT-TOY>s") == std::vector<int32_t>{320, 49408, 49409});
    CHECK(clip.pieces("STYLE\xcc\x81") == std::vector<int32_t>{49410});
}
