// Products and convolutions whose tensors exceed the binding range, made small: operators are
// lowered for caps with a range of a few KiB, and what they launch is run and compared.
#include <algorithm>

#include "tests/ops/narrow.h"
#include "tests/ops/products.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::vector<ConvCase> kCases = {
    {"3x3 of a batch", {2, 40, 8, 8}, {3, 3, 8, 16}, {}, {1, 1}, {1, 1}},
    {"stride 2, asymmetric", {1, 80, 8, 8}, {3, 3, 8, 16}, {2, 2}, {0, 0}, {1, 1}},
    {"dilation", {1, 64, 16, 4}, {3, 1, 4, 16}, {}, {2, 0}, {2, 0}, {2, 1}},
    {"one dimension", {1, 700, 8}, {5, 8, 12}, {}, {2}, {2}},
    {"three dimensions", {1, 24, 4, 4, 16}, {3, 3, 3, 16, 8}, {}, {1, 1, 1}, {1, 1, 1}},
};

}   // namespace

TEST_CASE("convolutions beyond the binding range are done in bands", "[gpu]") {
    for (const ConvCase& c : kCases)
        for (bool transposed : {false, true}) {
            INFO(c.name << (transposed ? " transposed" : ""));
            auto device = test_device();
            auto x = integers(c.x.count(), 1), w = integers(c.w.count(), 2),
                 bias = integers(c.w[-1], 3);
            Tensor tx = operand(*device, c.x, x), tw = operand(*device, c.w, w),
                   tb = operand(*device, {c.w[-1]}, bias);
            Tensor y = transposed ? conv_transpose(tx, tw, tb, c.transposed())
                                  : conv(tx, tw, tb, c.options());
            NarrowLowering lowering(device, std::max<uint64_t>(8192, tw.bytes()));
            Doubles expected = transposed
                                   ? conv_transpose_reference(c, doubles(x), doubles(w), y.shape())
                                   : conv_reference(c, doubles(x), doubles(w), y.shape());
            for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % bias.size()];
            CHECK(difference(lowering.run(y), expected) == 0);
            CHECK(lowering.launches() > 1);
        }
}

TEST_CASE("products beyond the binding range are done in bands", "[gpu]") {
    auto device = test_device();
    auto a = integers(501 * 12, 1), b = integers(12 * 20, 2);
    Tensor y = matmul(operand(*device, {501, 12}, a), operand(*device, {12, 20}, b));
    NarrowLowering rows(device, 8192);
    CHECK(difference(rows.run(y), matmul_reference(doubles(a), doubles(b), 1, 501, 12, 20)) == 0);
    CHECK(rows.launches() > 4);

    a = integers(6 * 16 * 16, 3), b = integers(6 * 16 * 32, 4);
    y = matmul(operand(*device, {6, 16, 16}, a), operand(*device, {6, 16, 32}, b));
    NarrowLowering batch(device, 4096);
    CHECK(difference(batch.run(y), matmul_reference(doubles(a), doubles(b), 6, 16, 16, 32)) == 0);
    CHECK(batch.launches() == 6);
}

TEST_CASE("a weight beyond the binding range is a model error", "[gpu]") {
    auto device = test_device();
    Tensor y = matmul(operand(*device, {4, 64}, integers(256, 1)),
                      operand(*device, {64, 64}, integers(4096, 2)));
    NarrowLowering lowering(device, 8192);
    CHECK_THROWS_AS(lowering.run(y), ModelError);
}
