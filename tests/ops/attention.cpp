#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "tests/ops/products.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Case {
    std::string name;
    int64_t images, queries, keys;
    int heads, width;
    bool causal = false;
    Shape bias;
};

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

Doubles reference(const Case& c, const Doubles& q, const Doubles& k, const Doubles& v,
                  const Doubles& bias) {
    int64_t line = c.heads * c.width;
    Doubles y(q.size());
    for (int64_t n = 0; n < c.images; n++)
        for (int64_t h = 0; h < c.heads; h++)
            for (int64_t s = 0; s < c.queries; s++) {
                const double* left = &q[(n * c.queries + s) * line + h * c.width];
                int64_t end = c.causal ? std::min(c.keys, s + 1) : c.keys;
                double total = 0;
                Doubles weights;
                for (int64_t t = 0; t < end; t++) {
                    double score = 0;
                    for (int64_t d = 0; d < c.width; d++)
                        score += left[d] * k[(n * c.keys + t) * line + h * c.width + d];
                    score /= std::sqrt(double(c.width));
                    if (!bias.empty()) {
                        int64_t in = c.bias[0] == 1 ? 0 : n, ih = c.bias[1] == 1 ? 0 : h;
                        score += bias[((in * c.bias[1] + ih) * c.queries + s) * c.keys + t];
                    }
                    weights.push_back(std::exp(score));
                    total += weights.back();
                }
                for (int64_t t = 0; t < end; t++)
                    for (int64_t d = 0; d < c.width; d++)
                        y[(n * c.queries + s) * line + h * c.width + d] +=
                            weights[t] / total * v[(n * c.keys + t) * line + h * c.width + d];
            }
    return y;
}

struct Inputs {
    std::vector<float> q, k, v, bias;
    explicit Inputs(const Case& c)
        : q(fractions(c.images * c.queries * c.heads * c.width, 1)),
          k(fractions(c.images * c.keys * c.heads * c.width, 2)),
          v(fractions(c.images * c.keys * c.heads * c.width, 3)) {
        if (c.bias.rank()) bias = fractions(c.bias.count(), 4);
    }
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

TEST_CASE("attention takes heads of 512", "[gpu][nightly]") {
    auto device = test_device("minimal");
    Case c{"512", 1, 20, 35, 1, 512};
    Inputs in(c);
    Tensor y = attention(operand(*device, {1, 20, 512}, in.q), operand(*device, {1, 35, 512}, in.k),
                         operand(*device, {1, 35, 512}, in.v), {});
    CHECK(difference(values_of(device, y),
                     reference(c, doubles(in.q), doubles(in.k), doubles(in.v), {})) < 2e-6);
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

TEST_CASE("attention that does not fit is a model error", "[ops]") {
    Tensor q = input("q", {1, 8, 12}), k = input("k", {1, 5, 12});
    CHECK_THROWS_AS(attention(q, k, k, {.heads = 5}), ModelError);
    CHECK_THROWS_AS(attention(q, input("k", {1, 5, 8}), k, {.heads = 2}), ModelError);
    CHECK_THROWS_AS(attention(q, k, k, {.heads = 2}, input("bias", {1, 3, 8, 5})), ModelError);
}
