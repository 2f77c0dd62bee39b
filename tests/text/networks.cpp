// Text models against transformers and diffusers, on small models with weights that a hash makes:
// tools/reference/text_models.py is the other half.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "modalities/text/audioldm2_projection.h"
#include "modalities/text/clap_text.h"
#include "modalities/text/gpt2.h"
#include "modalities/text/t5.h"
#include "runtime/graph/graph.h"
#include "runtime/io/json.h"
#include "tests/support/device.h"
#include "tests/support/hashed_model.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-4;   // relative L2

const nlohmann::json& document() {
    static const nlohmann::json json = take(read_json(KILN_GOLDEN_DIR "/text/models.json"));
    return json;
}

const nlohmann::json& config_of(const std::string& name) {
    return document().at("models").at(name).at("config");
}

// A model's file, on its way into a graph. `rename` sees each tensor's name.
struct Model {
    std::shared_ptr<Device> device = test_device();
    TemporaryFolder folder;
    std::shared_ptr<const TensorFiles> files;

    explicit Model(const std::string& name, DType dtype = DType::f32,
                   const std::function<std::string(std::string)>& rename = {})
        : folder("text-" + name) {
        Tensors hashed, tensors;
        collect(document().at("models").at(name).at("tensors"), "", hashed);
        for (const auto& [key, tensor] : hashed) {
            std::vector<float> values = weight(key, tensor.first);
            const bool large = name == "t5_overflow" &&
                               (key.find(".wo.") != key.npos || key.find(".o.") != key.npos);
            for (float& value : values) value *= large ? 65536.0f : 1.0f;
            tensors[rename ? rename(key) : key] = {tensor.first, std::move(values)};
        }
        const fs::path file = folder.path / "model.safetensors";
        write_tensors(file, tensors, dtype);
        files = std::make_shared<TensorFiles>(take(TensorFiles::open(file.string())));
    }
    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const auto& [name, entry] : files->entries()) list.push_back(name);
        return list;
    }
};

double off(const std::vector<float>& found, const std::string& golden) {
    static const Safetensors goldens =
        take(Safetensors::open(KILN_GOLDEN_DIR "/text/models.safetensors"));
    return relative_l2(found, expected(goldens, golden));
}

struct Text {
    std::vector<int32_t> ids;
    std::vector<float> mask;
};

// Texts of these lengths, padded to the first.
Text texts(const std::string& name, int vocabulary, const std::vector<int>& lengths, int pad) {
    Text text;
    const std::vector<float> values = noise(name, int64_t(lengths.size()) * lengths[0]);
    for (size_t i = 0; i < values.size(); i++) {
        const bool seen = int(i) % lengths[0] < lengths[i / size_t(lengths[0])];
        const int low = pad + 1, high = vocabulary - 1;
        text.ids.push_back(seen ? int32_t(float(low) + (values[i] + 1) * 0.5f * float(high - low))
                                : pad);
        text.mask.push_back(seen);
    }
    return text;
}

void check_clap(const Model& file, const std::string& name, const NameMap& names) {
    const nlohmann::json& json = config_of(name);
    const ClapTextConfig config = take(parse_clap_text_config(JsonObject(json, name)));
    Weights weights(file.device, file.files, {.names = names});
    const ClapText model(weights, config);
    CHECK(unclaimed(*file.files, weights.claimed()).empty());
    const Tensor ids = input("ids", {2, 13}, DType::i32), mask = input("mask", {2, 13}),
                 positions = input("positions", {2, 13}, DType::i32);
    const Tensor states = model(ids, positions, mask);
    Graph graph = take(
        Graph::compile(file.device, {states, model.features(states), model.embedding(states)}));
    const Text text = texts("ids", config.vocabulary, {13, 5}, config.pad_token);
    std::vector<int32_t> at;
    for (int i : {0, 1}) {
        const auto ids_of = config.position_ids({text.ids.data() + 13 * i, 13});
        at.insert(at.end(), ids_of.begin(), ids_of.end());
    }
    take(graph.write_i32(ids, text.ids));
    take(graph.write_i32(positions, at));
    take(graph.write(mask, text.mask));
    take(graph.run());
    CHECK(off(take(graph.read(0)), name + ".states") < kTolerance);
    CHECK(off(take(graph.read(1)), name + ".features") < kTolerance);
    CHECK(off(take(graph.read(2)), name + ".embedding") < kTolerance);
    check_silent(*file.device);
}

std::vector<float> run_t5(const Model& file, const std::string& name, bool masked) {
    const T5Config config = take(parse_t5_config(JsonObject(config_of(name), name)));
    Weights weights(file.device, file.files);
    const T5Encoder model(weights, config);
    CHECK(unclaimed(*file.files, weights.claimed()).empty());
    const Tensor ids = input("ids", {2, 37}, DType::i32), mask = input("mask", {2, 37});
    Graph graph = take(Graph::compile(file.device, {model(ids, masked ? mask : Tensor())}));
    const Text text = texts("ids", config.vocabulary, {37, 21}, 0);
    take(graph.write_i32(ids, text.ids));
    if (masked) take(graph.write(mask, text.mask));
    take(graph.run());
    check_silent(*file.device);
    return take(graph.read());
}

std::vector<float> generate(const Model& file, const std::string& name, int count) {
    const Gpt2Config config = take(parse_gpt2_config(JsonObject(config_of(name), name)));
    Weights weights(file.device, file.files, {.names = gpt2_names(file.names())});
    const Gpt2 model(weights, config);
    CHECK(unclaimed(*file.files, weights.claimed()).empty());
    const Tensor embeddings = input("embeddings", {2, 11, config.width}),
                 mask = input("mask", {2, 11});
    Graph graph = take(Graph::compile(file.device, {model.generate(embeddings, mask, count)}));
    std::vector<float> seen(22, 1.0f);
    std::fill(seen.begin() + 17, seen.begin() + 21, 0.0f);
    take(graph.write(embeddings, noise("embeddings", 2 * 11 * config.width, 2)));
    take(graph.write(mask, seen));
    take(graph.run());
    check_silent(*file.device);
    return take(graph.read());
}

}   // namespace

TEST_CASE("the text tower of CLAP agrees with transformers", "[gpu]") {
    const std::string name = GENERATE("clap", "clap_other");
    CAPTURE(name);
    check_clap(Model(name), name, {});
}

TEST_CASE("a text tower is found in a checkpoint with CLAP's own names", "[gpu]") {
    const Model file("clap", DType::f32, [](std::string name) {
        const auto begin = [&](std::string_view theirs, std::string_view ours) {
            if (!name.starts_with(theirs)) return;
            name = "cond_stage_model.model." + std::string(ours) + name.substr(theirs.size());
        };
        begin("text_model.", "text_branch.");
        begin("text_projection.linear1.", "text_projection.0.");
        begin("text_projection.linear2.", "text_projection.2.");
        return name;
    });
    check_clap(file, "clap", clap_text_names(file.names(), "cond_stage_model.model."));
}

TEST_CASE("a text without its padding means the same to CLAP", "[gpu]") {
    const Model file("clap");
    const ClapTextConfig config =
        take(parse_clap_text_config(JsonObject(config_of("clap"), "config.json")));
    Weights weights(file.device, file.files);
    const ClapText model(weights, config);
    const auto features = [&](int length) {   // of a text of five tokens
        const Tensor ids = input("ids", {1, length}, DType::i32), mask = input("mask", {1, length}),
                     positions = input("positions", {1, length}, DType::i32);
        Graph graph =
            take(Graph::compile(file.device, {model.features(model(ids, positions, mask))}));
        const Text text = texts("ids", config.vocabulary, {13, 5}, config.pad_token);
        const auto second = [length](const auto& values) {
            return std::vector(values.begin() + 13, values.begin() + 13 + length);
        };
        take(graph.write_i32(ids, second(text.ids)));
        take(graph.write_i32(positions, config.position_ids(second(text.ids))));
        take(graph.write(mask, second(text.mask)));
        take(graph.run());
        return take(graph.read());
    };
    CHECK(relative_l2(features(5), features(13)) < 1e-6);
}

TEST_CASE("the encoder of T5 agrees with transformers", "[gpu]") {
    const std::string name = GENERATE("t5", "t5_gated");
    CAPTURE(name);
    CHECK(off(run_t5(Model(name), name, true), name + ".states") < kTolerance);
}

TEST_CASE("T5 is finite and right in half precision where its states exceed it", "[gpu]") {
    const Model file("t5_overflow", DType::f16);
    CHECK(off(run_t5(file, "t5_overflow", true), "t5_overflow.states") < kTolerance);
}

TEST_CASE("T5 without a mask takes all for text", "[gpu]") {
    const Model file("t5");
    std::vector<float> masked = run_t5(file, "t5", true), all = run_t5(file, "t5", false);
    const size_t first = masked.size() / 2;   // of the two texts, the one without padding
    CHECK(std::vector(masked.begin() + ptrdiff_t(first), masked.end()) !=
          std::vector(all.begin() + ptrdiff_t(first), all.end()));
    masked.resize(first), all.resize(first);
    CHECK(relative_l2(all, masked) < 1e-6);
}

TEST_CASE("T5's relative positions fall into the published buckets") {
    const T5Config published, other{.buckets = 16, .distance = 20};
    for (int relative = -300; relative <= 300; relative++) {
        CAPTURE(relative);
        CHECK(published.bucket(relative) == document().at("buckets").at(size_t(relative + 300)));
        CHECK(other.bucket(relative) == document().at("buckets_16_20").at(size_t(relative + 300)));
    }
}

TEST_CASE("GPT-2 generates the states that AudioLDM 2 takes from it", "[gpu]") {
    const std::string name = GENERATE("gpt2", "gpt2_other");
    CAPTURE(name);
    CHECK(off(generate(Model(name), name, 8), name + ".states") < kTolerance);
}

TEST_CASE("fewer states are the first of more", "[gpu]") {
    const Model file("gpt2");
    const std::vector<float> eight = generate(file, "gpt2", 8), three = generate(file, "gpt2", 3);
    REQUIRE(eight.size() == 2 * 8 * 48);
    std::vector<float> first;
    for (size_t text : {0, 8})
        first.insert(first.end(), eight.begin() + ptrdiff_t(text * 48),
                     eight.begin() + ptrdiff_t((text + 3) * 48));
    CHECK(relative_l2(three, first) < 1e-6);
    CHECK_THROWS_AS(generate(file, "gpt2", 31), ModelError);   // of 40 positions, 11 are taken
}

TEST_CASE("AudioLDM 2 joins its two texts as diffusers does", "[gpu]") {
    const Model file("projection");
    const auto config =
        take(parse_audioldm2_projection_config(JsonObject(config_of("projection"), "config.json")));
    Weights weights(file.device, file.files);
    const AudioLdm2Projection model(weights, config);
    CHECK(unclaimed(*file.files, weights.claimed()).empty());
    const AudioLdm2Projection::Sequence clap{input("clap", {2, 1, 20}), input("clap mask", {2, 1})},
        text{input("text", {2, 9, 24}), input("text mask", {2, 9})};
    const auto joined = model(clap, text);
    Graph graph = take(Graph::compile(file.device, {joined.states, joined.mask}));
    std::vector<float> seen(18, 1.0f);
    std::fill(seen.begin() + 14, seen.end(), 0.0f);
    take(graph.write(clap.states, noise("clap", 40)));
    take(graph.write(clap.mask, std::vector<float>{1, 1}));
    take(graph.write(text.states, noise("text", 2 * 9 * 24, 2)));
    take(graph.write(text.mask, seen));
    take(graph.run());
    CHECK(off(take(graph.read(0)), "projection.states") < kTolerance);
    CHECK(off(take(graph.read(1)), "projection.mask") == 0);
    check_silent(*file.device);
}
