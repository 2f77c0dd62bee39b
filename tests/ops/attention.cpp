#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/attentions.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<Case> kCases = {
    {"self", 1, 16, 16, 1, 8},
    {"odd lengths", 2, 37, 21, 3, 20},
    {"causal", 1, 43, 43, 2, 16, true},
    {"biased by head", 2, 19, 33, 2, 12, false, {1, 2, 19, 33}},
    {"biased by image, causal", 2, 35, 35, 2, 8, true, {2, 1, 35, 35}},
    {"an odd width", 1, 9, 11, 2, 7},
    {"one key", 1, 5, 1, 1, 4},
    {"wide heads", 1, 18, 40, 1, 132},
};

}   // namespace

TEST_CASE("attention equals the double reference", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    for (const Case& c : kCases)
        for (DType type : {DType::f32, DType::f16}) {
            INFO(c.name << " " << name_of(type));
            if (type == DType::f16 && c.width % 4) continue;
            Inputs in(c);
            Shape rows{c.images, c.queries, c.heads * c.width},
                columns{c.images, c.keys, c.heads * c.width};
            Tensor bias = in.bias.empty() ? Tensor() : operand(*device, c.bias, in.bias);
            Tensor y =
                attention(operand(*device, rows, in.q, type), operand(*device, columns, in.k, type),
                          operand(*device, columns, in.v, type),
                          {.heads = c.heads, .causal = c.causal}, bias);
            Doubles expected =
                reference(c, doubles(in.q), doubles(in.k), doubles(in.v), doubles(in.bias));
            CHECK(difference(values_of(device, y), expected) < (type == DType::f32 ? 2e-6 : 1e-3));
        }
    check_silent(*device);
}

TEST_CASE("every attention variant computes the same", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    CHECK(check_variants(device, {"causal", 2, 45, 45, 2, 40, true}, DType::f32) > 1);
    CHECK(check_variants(device, {"biased", 2, 35, 77, 2, 8, false, {1, 2, 35, 77}}, DType::f16) >
          1);
    CHECK(check_variants(device, {"causal, biased", 1, 70, 70, 3, 16, true, {1, 1, 70, 70}},
                         DType::f32) > 1);
}

TEST_CASE("every attention variant takes heads of odd fours and of many", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal", "mobile"));
    auto width = GENERATE(72, 160);
    CHECK(check_variants(device, {"wide", 1, 67, 77, 2, width}, DType::f16) > 1);
}

TEST_CASE("every attention variant takes every size of heads", "[gpu][.nightly]") {
    auto device = test_device(GENERATE("", "minimal", "mobile"));
    auto width = GENERATE(40, 64, 80, 128);
    CHECK(check_variants(device, {"wide", 1, 67, 77, 2, width}, DType::f16) > 1);
}

TEST_CASE("every attention variant takes heads of 512", "[gpu][.nightly]") {
    auto device = test_device(GENERATE("", "minimal", "mobile"));
    CHECK(check_variants(device, {"512", 1, 20, 35, 1, 512}, DType::f32) > 0);
}

TEST_CASE("attention takes bf16 in every variant that reads it", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal", "mobile"));
    CHECK(check_variants(device, {"odd lengths", 2, 37, 21, 3, 20}, DType::bf16) > 1);
}

TEST_CASE("attention of few queries splits the keys into parts", "[gpu]") {
    auto device = test_device(GENERATE("minimal", "mobile"));
    Retuned retuned(device, Tuning::only(device->caps().subgroup_shuffle ? "attention.registers"
                                                                         : "attention.shared"));
    const Case c{"few queries", 1, 5, 1031, 1, 12};
    Inputs in(c);
    auto dtype = GENERATE(DType::f32, DType::f16);
    Graph graph =
        take(Graph::compile(device, {attention(operand(*device, {1, 5, 12}, in.q, dtype),
                                               operand(*device, {1, 1031, 12}, in.k, dtype),
                                               operand(*device, {1, 1031, 12}, in.v, dtype), {})}));
    CHECK(graph.dump().find("attention_merge") != std::string::npos);
    take(graph.run());
    CHECK(difference(take(graph.read()), reference(c, doubles(in.q), doubles(in.k), doubles(in.v),
                                                   {})) < (dtype == DType::f32 ? 2e-6 : 1e-3));
}

TEST_CASE("attention over 16,384 tokens keeps no scores", "[gpu][.nightly]") {
    auto device = test_device();
    constexpr int64_t kTokens = 16384;
    Case c{"16,384 tokens", 1, kTokens, kTokens, 1, 64};
    Inputs in(c);
    Tensor k = operand(*device, {1, kTokens, 64}, in.k),
           v = operand(*device, {1, kTokens, 64}, in.v);
    Graph graph = take(
        Graph::compile(device, {attention(operand(*device, {1, kTokens, 64}, in.q), k, v, {})}));
    CHECK(graph.stats().intermediate_bytes <= uint64_t(16 << 20));
    take(graph.run());
    std::vector<float> y = take(graph.read());
    for (int64_t row : {int64_t(0), int64_t(8191), kTokens - 1}) {   // those of a reference by row
        Case one = c;
        one.queries = 1;
        auto at = [&](const std::vector<float>& x) {
            return std::vector<float>(x.begin() + row * 64, x.begin() + (row + 1) * 64);
        };
        CHECK(difference(at(y), reference(one, doubles(at(in.q)), doubles(in.k), doubles(in.v),
                                          {})) < 2e-6);
    }
}

TEST_CASE("attention in parts equals attention as a whole", "[gpu]") {
    auto device = test_device();
    Case c{"longer than one part", 1, 1100, 1030, 3, 8, true};
    Inputs in(c);
    Tensor y = attention(operand(*device, {1, c.queries, 24}, in.q),
                         operand(*device, {1, c.keys, 24}, in.k),
                         operand(*device, {1, c.keys, 24}, in.v), {.heads = 3, .causal = true});
    CHECK(difference(values_of(device, y),
                     reference(c, doubles(in.q), doubles(in.k), doubles(in.v), {})) < 2e-6);
}

TEST_CASE("the gradient of attention is that of the reference", "[gpu]") {
    auto device = test_device();
    Case c = GENERATE(Case{"plain", 1, 5, 7, 2, 4},
                      Case{"causal with bias", 1, 6, 6, 2, 4, true, {1, 2, 6, 6}});
    Inputs in(c);
    Shape rows{c.images, c.queries, c.heads * c.width},
        columns{c.images, c.keys, c.heads * c.width};
    Tensor q = operand(*device, rows, in.q), k = operand(*device, columns, in.k),
           v = operand(*device, columns, in.v);
    Tensor bias = in.bias.empty() ? Tensor() : operand(*device, c.bias, in.bias);
    Tensor y = attention(q, k, v, {.heads = c.heads, .causal = c.causal}, bias);
    Doubles all[] = {doubles(in.q), doubles(in.k), doubles(in.v), doubles(in.bias)};
    Doubles r = doubles(fractions(y.shape().count(), 9));
    auto value = [&] {
        Doubles out = reference(c, all[0], all[1], all[2], all[3]);
        double sum = 0;
        for (size_t i = 0; i < out.size(); i++) sum += out[i] * r[i];
        return sum;
    };
    std::vector<Tensor> wrt{q, k, v};
    if (bias) wrt.push_back(bias);
    auto grads = gradient(y, operand(*device, y.shape(), fractions(y.shape().count(), 9)), wrt);
    for (size_t input = 0; input < wrt.size(); input++) {
        Doubles expected;
        for (double& element : all[input]) {
            double saved = element;
            element = saved + 1e-4;
            double above = value();
            element = saved - 1e-4;
            expected.push_back((above - value()) / 2e-4);
            element = saved;
        }
        CHECK(difference(values_of(device, grads[input]), expected) < 1e-5);
    }
}

TEST_CASE("attention reads joined projections where they lie", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    const DType dtype = GENERATE(DType::f32, DType::f16);
    const Case c{"joined", 2, 21, 21, 2, 12};
    const int64_t width = c.heads * c.width, count = c.images * c.queries;
    Inputs in(c);
    std::vector<float> joined;
    for (int64_t row = 0; row < count; row++)
        for (const auto* x : {&in.q, &in.k, &in.v})
            joined.insert(joined.end(), x->begin() + row * width, x->begin() + (row + 1) * width);
    Tensor qkv = operand(*device, {c.images, c.queries, 3 * width}, joined, dtype) * 1.0f;
    std::vector<Tensor> parts = split(qkv, 3);
    Tensor y = attention(parts[0], parts[1], parts[2], {.heads = c.heads});
    Doubles expected = reference(c, doubles(in.q), doubles(in.k), doubles(in.v), {});
    Graph graph = take(Graph::compile(device, {y}));
    CHECK(graph.dump().find("copy") == std::string::npos);
    take(graph.run());
    const double tolerance = dtype == DType::f32 ? 2e-6 : 1e-3;
    CHECK(difference(take(graph.read()), expected) < tolerance);
    CHECK(difference(values_of(device, y, false), expected) < tolerance);
    for (const AttentionVariant& variant : attention_variants(device->caps(), work_of(c, dtype))) {
        INFO(device->caps().profile << ": " << variant.name());
        Retuned retuned(device, Tuning::only(variant.name()));
        CHECK(difference(values_of(device, y), expected) < tolerance);
    }
    check_silent(*device);
}

TEST_CASE("the gradient of attention over one tensor counts each place once", "[gpu]") {
    auto device = test_device();
    std::vector<float> values = fractions(6 * 24, 1), cotangent = fractions(6 * 8, 2);
    Tensor x = operand(*device, {1, 6, 24}, values), d = operand(*device, {1, 6, 8}, cotangent);
    std::vector<Tensor> parts = split(x, 3);
    Tensor joined = attention(parts[0], parts[1], parts[2], {.heads = 2});
    Tensor one = attention(parts[0], parts[0], parts[0], {.heads = 2});
    Tensor copies[] = {parts[0] * 1.0f, parts[0] * 1.0f, parts[0] * 1.0f};
    Tensor three = attention(copies[0], copies[1], copies[2], {.heads = 2});
    auto of_one = values_of(device, gradient(one, d, {x})[0]);
    CHECK(difference(of_one, doubles(values_of(device, gradient(three, d, {x})[0]))) < 1e-6);
    auto all = gradient(joined, d, {x, parts[0], parts[1], parts[2]});
    std::vector<float> pieces = values_of(device, concat({all[1], all[2], all[3]}, 2));
    CHECK(difference(values_of(device, all[0]), doubles(pieces)) < 1e-6);
}

TEST_CASE("attention that does not fit is a model error", "[ops]") {
    Tensor q = input("q", {1, 8, 12}), k = input("k", {1, 5, 12});
    CHECK_THROWS_AS(attention(q, k, k, {.heads = 5}), ModelError);
    CHECK_THROWS_AS(attention(q, input("k", {1, 5, 8}), k, {.heads = 2}), ModelError);
    CHECK_THROWS_AS(attention(q, k, k, {.heads = 2}, input("bias", {1, 3, 8, 5})), ModelError);
}
