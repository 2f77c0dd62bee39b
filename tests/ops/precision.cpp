// Storage in 16 bits: exact where the values fit, saturating in f16, wide in bf16.
#include <catch2/generators/catch_generators.hpp>

#include "runtime/graph/graph.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

// Through f32, and by each family that reads bf16 itself.
TEST_CASE("products of bf16 operands are exact on small integers", "[gpu]") {
    const auto device = test_device(GENERATE("", "minimal"));
    const char* family =
        GENERATE("", "matmul.shared", "matmul.registers", "matmul.shared 64x64 k2");
    const Retuned forced(device, Tuning::only(family));
    CAPTURE(family);
    const std::vector<float> x = integers(6 * 64, 1, 2), w = integers(64 * 12, 2, 1),
                             bias = integers(12, 3);
    const Tensor a = operand(*device, {6, 64}, x, DType::bf16),
                 b = operand(*device, {64, 12}, w, DType::bf16),
                 c = operand(*device, {12}, bias, DType::bf16);
    Doubles expected = matmul_reference(doubles(x), doubles(w), 1, 6, 64, 12);
    CHECK(matmul(a, b).dtype() == DType::bf16);
    CHECK(difference(values_of(device, cast(matmul(a, b), DType::f32)), expected) == 0);
    for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % 12];
    CHECK(difference(values_of(device, linear(a, b, c)), expected) == 0);
    const Tensor image = reshape(a, {1, 6, 64}), kernel = reshape(b, {1, 64, 12});
    CHECK(difference(values_of(device, conv(image, kernel, c)), expected) == 0);
    CHECK(difference(values_of(device, conv_transpose(image, kernel, c)), expected) == 0);
    check_silent(*device);
}

TEST_CASE("attention takes bf16", "[gpu]") {
    const auto device = test_device();
    const std::vector<float> x = fractions(2 * 5 * 16, 4);
    const Tensor f32 = operand(*device, {2, 5, 16}, x), bf16 = cast(f32, DType::bf16);
    const Tensor found = attention(bf16, bf16, bf16, {.heads = 2});
    CHECK(found.dtype() == DType::bf16);
    CHECK(difference(values_of(device, found),
                     doubles(values_of(device, attention(f32, f32, f32, {.heads = 2})))) < 1e-2);
    check_silent(*device);
}

TEST_CASE("what exceeds f16 is stored as its largest value, and kept in bf16", "[gpu]") {
    const auto device = test_device();
    const std::vector<float> x(4 * 64, 100), w(64 * 4, 20);   // sums of 128,000
    const Tensor b = operand(*device, {64, 4}, w);
    const auto stored = [&](DType type) {
        const Tensor a = operand(*device, {4, 64}, x, type);
        return values_of(device, affine(matmul(a, b), 1, 0))[0];
    };
    CHECK(stored(DType::f32) == 128000);
    CHECK(stored(DType::f16) == 65504);
    CHECK(stored(DType::bf16) == 128000);
    const Tensor big = operand(*device, {4, 4}, std::vector<float>(16, -60000.0f), DType::f16);
    CHECK(values_of(device, big + big)[3] == -65504);
    CHECK(values_of(device, affine(big, 2, 0))[3] == -65504);
    check_silent(*device);
}
