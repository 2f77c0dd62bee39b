// What the configurations of text models say; their numbers are compared in networks.cpp.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "modalities/text/audioldm2_projection.h"
#include "modalities/text/clap_text.h"
#include "modalities/text/gpt2.h"
#include "modalities/text/t5.h"
#include "runtime/io/json.h"

using namespace kiln;
using Catch::Matchers::ContainsSubstring;

namespace {

template <class Parse>
auto parse(Parse parser, const char* text) {
    const nlohmann::json document = take(parse_json(text, "config.json"));
    return parser(JsonObject(document, "config.json"));
}

// `words` of the message name the key, and the value that was found.
template <class Parse>
void refused(Parse parser, const char* text, const char* key, const char* value) {
    const auto config = parse(parser, text);
    REQUIRE(!config);
    CHECK(config.error().status == Status::bad_file);
    CHECK_THAT(config.error().message, ContainsSubstring(key) && ContainsSubstring(value));
}

}   // namespace

TEST_CASE("absent keys of a CLAP text tower are those of transformers") {
    const ClapTextConfig c = take(parse(parse_clap_text_config, "{}"));
    CHECK(c.vocabulary == 50265);
    CHECK(c.width == 768);
    CHECK(c.hidden == 3072);
    CHECK(c.layers == 12);
    CHECK(c.heads == 12);
    CHECK(c.projection == 512);
    CHECK(c.pad_token == 1);
    CHECK(c.eps == 1e-12f);
    CHECK(c.length() == 512);
    CHECK(c.activation == Activation::gelu);
    CHECK(c.projection_activation == Activation::relu);
}

TEST_CASE("a whole CLAP model says what its text tower is") {
    const ClapTextConfig c = take(parse(parse_clap_text_config, R"({"projection_dim": 96,
        "projection_hidden_act": "gelu", "hidden_size": 5,
        "text_config": {"hidden_size": 64, "num_attention_heads": 4, "projection_dim": 7}})"));
    CHECK(c.width == 64);
    CHECK(c.projection == 96);
    CHECK(c.projection_activation == Activation::gelu);
}

TEST_CASE("positions of a CLAP text are counted from behind the padding's") {
    ClapTextConfig c;
    const std::vector<int32_t> tokens = {0, 713, 16, 2, 1, 1};
    CHECK(c.position_ids(tokens) == std::vector<int32_t>{2, 3, 4, 5, 1, 1});
    c.pad_token = 16;
    CHECK(c.position_ids(tokens) == std::vector<int32_t>{17, 18, 16, 19, 20, 21});
}

TEST_CASE("a CLAP text tower that is not built is refused by key and value") {
    const auto not_built = [](const char* text, const char* key, const char* value) {
        refused(parse_clap_text_config, text, key, value);
    };
    not_built(R"({"hidden_act": "mish"})", "hidden_act", "mish");
    not_built(R"({"projection_hidden_act": 3})", "projection_hidden_act", "3");
    not_built(R"({"position_embedding_type": "relative_key"})", "position_embedding_type",
              "relative_key");
    not_built(R"({"is_decoder": true})", "is_decoder", "true");
    not_built(R"({"hidden_size": 0})", "hidden_size", "0");
    not_built(R"({"num_attention_heads": 7})", "num_attention_heads", "7");
    not_built(R"({"num_attention_heads": 1})", "num_attention_heads", "768");
    not_built(R"({"pad_token_id": 600})", "pad_token_id", "600");
    not_built(R"({"layer_norm_eps": -1})", "layer_norm_eps", "-1");
    not_built(R"({"text_config": []})", "text_config", "list");
}

TEST_CASE("configurations of T5 give its two kinds of layers") {
    const T5Config c = take(parse(parse_t5_config, "{}"));
    CHECK(c.width == 512);
    CHECK(c.buckets == 32);
    CHECK(c.distance == 128);
    CHECK(c.activation == Activation::relu);
    CHECK(!c.gated);
    const T5Config gated = take(parse(parse_t5_config, R"({"feed_forward_proj": "gated-gelu"})"));
    CHECK(gated.activation == Activation::gelu_tanh);
    CHECK(gated.gated);
    const T5Config silu = take(parse(parse_t5_config, R"({"feed_forward_proj": "gated-silu"})"));
    CHECK(silu.activation == Activation::silu);
}

TEST_CASE("a T5 that is not built is refused by key and value") {
    const auto not_built = [](const char* text, const char* key, const char* value) {
        refused(parse_t5_config, text, key, value);
    };
    not_built(R"({"model_type": "umt5"})", "model_type", "umt5");
    not_built(R"({"feed_forward_proj": "gated-mish"})", "feed_forward_proj", "mish");
    not_built(R"({"feed_forward_proj": ""})", "feed_forward_proj", "\"\"");
    not_built(R"({"relative_attention_num_buckets": 6})", "relative_attention_num_buckets", "6");
    not_built(R"({"relative_attention_max_distance": 8})", "relative_attention_max_distance", "8");
    not_built(R"({"d_kv": 513})", "d_kv", "513");
    not_built(R"({"num_layers": 99999999999})", "num_layers", "99999999999");
}

TEST_CASE("a GPT-2 or a projection that is not built is refused by key and value") {
    const Gpt2Config c = take(parse(parse_gpt2_config, R"({"n_embd": 20, "n_head": 5})"));
    CHECK(c.hidden == 80);
    CHECK(c.scale(2) == 0.5f);
    CHECK(c.generated == 8);
    refused(parse_gpt2_config, R"({"model_type": "gptj"})", "model_type", "gptj");
    refused(parse_gpt2_config, R"({"add_cross_attention": true})", "add_cross_attention", "true");
    refused(parse_gpt2_config, R"({"n_head": 5})", "n_head", "768");
    refused(parse_gpt2_config, R"({"activation_function": "relu6"})", "activation_function",
            "relu6");
    refused(parse_audioldm2_projection_config, R"({"use_learned_position_embedding": true})",
            "use_learned_position_embedding", "true");
    refused(parse_audioldm2_projection_config, R"({"langauge_model_dim": "x"})",
            "langauge_model_dim", "x");
}
