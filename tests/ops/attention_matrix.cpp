// Attention on cooperative matrices: what attention.cpp does not ask of every variant. Each tile of
// each family, forced in turn, in f16; devices that emulate them have them for this.
#include <catch2/generators/catch_generators.hpp>

#include "tests/ops/attentions.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<Case> kCases = {
    {"one key", 1, 3, 1, 1, 8},
    {"a block", 1, 32, 32, 1, 16},
    {"odd lengths", 2, 37, 21, 3, 24},
    {"a prompt", 1, 67, 77, 2, 64},
    {"causal", 2, 45, 45, 2, 40, true},
    {"causal, more keys than queries", 1, 20, 70, 1, 8, true},
    {"biased by head", 2, 19, 33, 2, 8, false, {1, 2, 19, 33}},
    {"biased by image, causal", 2, 35, 35, 2, 8, true, {2, 1, 35, 35}},
};

bool on_matrices(const AttentionVariant& variant) {
    return variant.family->name.starts_with("matrix");
}

// Runs `body` with every variant that multiplies matrices forced; skips the test without any.
void each_variant(const std::function<void(const std::shared_ptr<Device>&)>& body,
                  bool in_parts = false) {
    auto device = test_device();
    size_t count = 0;
    for (const AttentionVariant& variant :
         attention_variants(device->caps(), work_of({"", 1, 8, 8, 1, 8}, DType::f16))) {
        if (!on_matrices(variant) || (in_parts && !variant.family->steps)) continue;
        INFO(variant.name());
        Retuned retuned(device, Tuning::only(variant.name()));
        body(device);
        count++;
    }
    check_silent(*device);
    if (!count) SKIP("no cooperative matrices");
}

Tensor half(Device& device, const Shape& shape, const std::vector<float>& values) {
    return operand(device, shape, values, DType::f16);
}

}   // namespace

TEST_CASE("attention on matrices equals the double reference", "[gpu]") {
    auto device = test_device(GENERATE("", "desktop"));
    for (const Case& c : kCases)
        if (!check_variants(device, c, DType::f16, "matrix")) SKIP("no cooperative matrices");
}

// Scores so far apart that each query takes one key, with a weight of exactly one.
TEST_CASE("attention on matrices picks a value exactly", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        constexpr int64_t kQueries = 71, kKeys = 77, kWidth = 64;
        std::vector<float> k = integers(kKeys * kWidth, 1, 1), q(kQueries * kWidth),
                           v = integers(kKeys * kWidth, 2, 100);
        for (float& x : k) x = x > 0 ? 1.0f : -1.0f;
        Doubles expected(q.size());
        for (int64_t s = 0; s < kQueries; s++)
            for (int64_t i = 0; i < kWidth; i++) {
                const int64_t at = s * 29 % kKeys * kWidth + i;
                q[s * kWidth + i] = 64 * k[at];
                expected[s * kWidth + i] = v[at];
            }
        Tensor y =
            attention(half(*device, {1, kQueries, kWidth}, q), half(*device, {1, kKeys, kWidth}, k),
                      half(*device, {1, kKeys, kWidth}, v), {});
        CHECK(difference(values_of(device, y), expected) == 0);
    });
}

TEST_CASE("scores beyond f16 count on matrices", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        constexpr int64_t kRows = 40, kWidth = 64;
        std::vector<float> same(kRows * kWidth, 60.0f), v = integers(kRows * kWidth, 1);
        Doubles mean(kRows * kWidth);
        for (size_t i = 0; i < mean.size(); i++)
            for (int64_t row = 0; row < kRows; row++)
                mean[i] += v[row * kWidth + i % kWidth] / double(kRows);
        Tensor x = half(*device, {1, kRows, kWidth}, same);
        Tensor y = attention(x, x, half(*device, {1, kRows, kWidth}, v), {.scale = 1});
        CHECK(difference(values_of(device, y), mean) < 1e-3);
    });
}

TEST_CASE("attention on matrices of few queries splits the keys into parts", "[gpu]") {
    const auto check = [](const std::shared_ptr<Device>& device) {
        const Case c{"few queries", 1, 5, 1031, 1, 16};
        Inputs in(c);
        Graph graph = take(Graph::compile(
            device, {attention(half(*device, {1, 5, 16}, in.q), half(*device, {1, 1031, 16}, in.k),
                               half(*device, {1, 1031, 16}, in.v), {})}));
        CHECK(graph.dump().find("attention_merge") != std::string::npos);
        take(graph.run());
        CHECK(difference(take(graph.read()),
                         reference(c, doubles(in.q), doubles(in.k), doubles(in.v), {})) < 1e-3);
    };
    each_variant(check, true);
}

TEST_CASE("attention on matrices sums 16,384 keys", "[gpu][.nightly]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        const Case c{"many keys", 1, 40, 16384, 1, 40};
        Inputs in(c);
        Tensor y = attention(half(*device, {1, c.queries, c.width}, in.q),
                             half(*device, {1, c.keys, c.width}, in.k),
                             half(*device, {1, c.keys, c.width}, in.v), {});
        Doubles expected = reference(c, doubles(in.q), doubles(in.k), doubles(in.v), {});
        double largest = 0;
        for (double value : expected) largest = std::max(largest, std::abs(value));
        CHECK(difference(values_of(device, y), expected) < 2e-3 * largest);
    });
}

TEST_CASE("heads that are not f16 in eights do not go to matrices", "[gpu]") {
    auto device = test_device();
    for (const auto& [dtype, width] :
         {std::pair(DType::f32, 8), {DType::bf16, 8}, {DType::f16, 12}})
        for (const AttentionVariant& variant :
             attention_variants(device->caps(), work_of({"", 1, 8, 8, 1, width}, dtype)))
            CHECK_FALSE(on_matrices(variant));
    AttentionWork shifted = work_of({"", 1, 8, 8, 1, 8}, DType::f16);
    shifted.base_k = 4;
    for (const AttentionVariant& variant : attention_variants(device->caps(), shifted))
        CHECK_FALSE(on_matrices(variant));
}

TEST_CASE("emulated matrices are not chosen for attention", "[gpu]") {
    auto device = test_device("");
    if (matrix_hardware(device->caps())) SKIP("the device has matrix units");
    Tensor x = half(*device, {1, 32, 64}, fractions(32 * 64, 1));
    Graph graph = take(Graph::compile(device, {attention(x, x, x, {.heads = 2})}));
    CHECK(graph.dump().find("attention_matrix") == std::string::npos);
}
