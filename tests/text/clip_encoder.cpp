// What the text encoder's configuration says; its numbers are compared in tests/image/networks.cpp.
#include <catch2/catch_test_macros.hpp>

#include "modalities/text/clip_text.h"
#include "runtime/io/json.h"

using namespace kiln;

namespace {

Result<ClipTextConfig> parse(const char* text) {
    const nlohmann::json document = take(parse_json(text, "config.json"));
    return parse_clip_text_config(JsonObject(document, "config.json"));
}

}   // namespace

TEST_CASE("absent keys of a text encoder are those of transformers") {
    const ClipTextConfig c = take(parse("{}"));
    CHECK(c.vocabulary == 49408);
    CHECK(c.width == 512);
    CHECK(c.hidden == 2048);
    CHECK(c.layers == 12);
    CHECK(c.heads == 8);
    CHECK(c.positions == 77);
    CHECK(c.activation == Activation::quick_gelu);
    CHECK(c.end_token == 49407);
}

TEST_CASE("a configuration that cannot be built names the key") {
    const auto refused = [](const char* text, const char* words) {
        const auto c = parse(text);
        REQUIRE(!c);
        CHECK(c.error().status == Status::bad_file);
        INFO(c.error().message);
        CHECK(c.error().message.find(words) != std::string::npos);
    };
    refused(R"({"hidden_act": "mish"})", "hidden_act");
    refused(R"({"hidden_size": 0})", "hidden_size");
    refused(R"({"hidden_size": "wide"})", "hidden_size");
    refused(R"({"hidden_size": 60, "num_attention_heads": 8})", "num_attention_heads");
    refused("[]", "config.json");
}

TEST_CASE("the pooled text is that of the first end token, or of the largest id in old files") {
    ClipTextConfig c;
    CHECK(c.pooled_position({49406, 5, 7, 49407, 49407, 49407}) == 3);
    CHECK(c.pooled_position({49406, 5, 49408, 49407}) == 3);
    CHECK(c.pooled_position({1, 2, 3}) == 0);
    c.end_token = 2;
    CHECK(c.pooled_position({49406, 2, 7, 49407, 49407}) == 3);
}
