// Every kernel variant of a product, forced in turn, computes the same.
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "runtime/ops/product_variants.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// A result, what it must be, and the product that computes it as far as variants are told apart.
struct Work {
    Tensor out;
    Doubles reference;
    Product product;
};

Product plain(int64_t m, int64_t k, int64_t n, DType dtype) {
    Operand any{.slot = 0, .offset = 0, .size = 16, .dtype = dtype};
    return {.a = any,
            .b = any,
            .d = any,
            .map = line_of(m),
            .columns = n,
            .channels = k,
            .pitch_a = k,
            .pitch_b = n,
            .pitch_d = n};
}

Work linear_work(Device& device, int64_t m, int64_t k, int64_t n, DType dtype) {
    std::vector<float> x = integers(m * k, 1), w = integers(k * n, 2), bias = integers(n, 3),
                       residual = integers(m * n, 4);
    Doubles y = matmul_reference(doubles(x), doubles(w), 1, m, k, n);
    for (int64_t i = 0; i < m * n; i++)
        y[size_t(i)] = std::max(y[size_t(i)] + bias[size_t(i % n)], 0.0) + residual[size_t(i)];
    Tensor out = linear(operand(device, {m, k}, x, dtype), operand(device, {k, n}, w, dtype),
                        operand(device, {n}, bias), Activation::relu);
    return {out + operand(device, {m, n}, residual, dtype), y, plain(m, k, n, dtype)};
}

Work transposed_work(Device& device, int64_t m, int64_t k, int64_t n, DType dtype) {
    std::vector<float> x = integers(m * k, 1), w = integers(k * n, 2), turned(w.size());
    for (int64_t i = 0; i < k * n; i++) turned[size_t(i % n * k + i / n)] = w[size_t(i)];
    Work work{matmul(operand(device, {m, k}, x, dtype), operand(device, {n, k}, turned, dtype),
                     {.transpose_b = true}),
              matmul_reference(doubles(x), doubles(w), 1, m, k, n), plain(m, k, n, dtype)};
    work.product.transposed = true;
    work.product.pitch_b = k;
    return work;
}

Work batched_work(Device& device, int64_t m, int64_t k, int64_t n, DType dtype) {
    std::vector<float> a = integers(3 * m * k, 1), b = integers(3 * k * n, 2);
    Work work{matmul(operand(device, {3, m, k}, a, dtype), operand(device, {3, k, n}, b, dtype)),
              matmul_reference(doubles(a), doubles(b), 3, m, k, n), plain(m, k, n, dtype)};
    work.product.outer = 3;
    work.product.outer_a = m * k, work.product.outer_b = k * n, work.product.outer_d = m * n;
    return work;
}

Work conv_work(Device& device, int64_t in, int64_t out, int stride, DType dtype) {
    ConvCase c{"", {2, 9, 7, in}, {3, 3, in, out}, {stride, stride}, {1, 1}, {1, 1}, {}, {}, 1};
    std::vector<float> x = integers(c.x.count(), 1), w = integers(c.w.count(), 2, 1),
                       bias = integers(out, 3);
    Shape shape{2, (9 - 1) / stride + 1, (7 - 1) / stride + 1, out};
    Work work{conv(operand(device, c.x, x, dtype), operand(device, c.w, w, dtype),
                   operand(device, {out}, bias), c.options()),
              conv_reference(c, doubles(x), doubles(w), shape),
              plain(shape.count() / out, in, out, dtype)};
    for (size_t i = 0; i < work.reference.size(); i++) work.reference[i] += bias[i % size_t(out)];
    work.product.map = {
        .in = {1, 9, 7}, .out = {1, shape[1], shape[2]}, .taps = {1, 3, 3}, .images = 2};
    return work;
}

void check_variants(const std::shared_ptr<Device>& device, const Work& work, size_t at_least) {
    size_t checked = 0;
    for (ProductVariant variant : product_variants(device->caps(), work.product))
        for (int64_t parts : {1, 2, 4}) {
            if (parts > 1 && !can_split(device->caps(), work.product, variant, parts)) break;
            variant.parts = parts;
            INFO(device->caps().profile << ": " << variant.name());
            Retuned retuned(device, Tuning::only(variant.name()));
            CHECK(difference(values_of(device, work.out), work.reference) == 0);
            checked++;
        }
    CHECK(checked >= at_least);
    check_silent(*device);
}

}   // namespace

TEST_CASE("every product variant computes the same", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto dtype = GENERATE(DType::f32, DType::f16);
    auto [m, k, n] =
        GENERATE(table<int64_t, int64_t, int64_t>({{37, 52, 44}, {131, 24, 264}, {3, 16, 260}}));
    check_variants(device, linear_work(*device, m, k, n, dtype), 5);
}

TEST_CASE("every product variant takes a transposed matrix and a batch", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    auto dtype = GENERATE(DType::f32, DType::f16);
    auto [m, k, n] = GENERATE(table<int64_t, int64_t, int64_t>({{33, 20, 68}, {65, 32, 72}}));
    check_variants(device, transposed_work(*device, m, k, n, dtype), 5);
    check_variants(device, batched_work(*device, m, k, n, dtype), 5);
}

TEST_CASE("every product variant convolves", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    auto dtype = GENERATE(DType::f32, DType::f16);
    auto [in, out, stride] =
        GENERATE(table<int64_t, int64_t, int>({{12, 20, 1}, {16, 72, 1}, {8, 132, 2}}));
    check_variants(device, conv_work(*device, in, out, stride, dtype), 5);
}

TEST_CASE("every product variant can be split along K", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    auto dtype = GENERATE(DType::f32, DType::f16);
    check_variants(device, linear_work(*device, 35, 128, 72, dtype), 15);
    check_variants(device, transposed_work(*device, 5, 128, 40, dtype), 15);
    check_variants(device, conv_work(*device, 64, 40, 1, dtype), 10);
}

TEST_CASE("a gated product equals the product and its gate, in every variant that knows gates",
          "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto dtype = GENERATE(DType::f32, DType::f16);
    auto [m, k, n] =
        GENERATE(table<int64_t, int64_t, int64_t>({{37, 52, 44}, {70, 24, 136}, {3, 16, 260}}));
    std::vector<float> x = fractions(m * k, 1), w = fractions(k * 2 * n, 2),
                       bias = fractions(2 * n, 3);
    Doubles whole = matmul_reference(doubles(x), doubles(w), 1, m, k, 2 * n), expected;
    for (int64_t i = 0; i < m * n; i++) {
        auto at = [&, row = i / n * 2 * n](int64_t column) {
            return whole[size_t(row + column)] + bias[size_t(column)];
        };
        double gate = at(n + i % n);
        expected.push_back(at(i % n) * 0.5 * gate * (1 + std::erf(gate / std::sqrt(2.0))));
    }
    Tensor y =
        geglu(linear(operand(*device, {m, k}, x, dtype), operand(*device, {k, 2 * n}, w, dtype),
                     operand(*device, {2 * n}, bias)));
    const double tolerance = dtype == DType::f32 ? 1e-6 : 1e-3;
    CHECK(difference(values_of(device, y, false), expected) < 2 * tolerance);
    Product product = plain(m, k, n, dtype);
    product.pitch_b = 2 * n;
    product.gated = true;
    size_t gated = 0;
    for (ProductVariant variant : product_variants(device->caps(), product)) {
        INFO(device->caps().profile << ": " << variant.name());
        Retuned retuned(device, Tuning::only(variant.name()));
        Graph graph = take(Graph::compile(device, {y}));
        gated += graph.dump().find("geglu") == std::string::npos;
        take(graph.run());
        CHECK(difference(take(graph.read()), expected) < tolerance);
    }
    CHECK(gated >= 1);
    check_silent(*device);
}

TEST_CASE("a gate that no kernel of a product knows is a launch of its own", "[gpu]") {
    auto device = test_device();
    Retuned retuned(device, Tuning::only("matmul.registers 4x256"));
    std::vector<float> x = fractions(5 * 8, 1), w = fractions(8 * 16, 2);
    Tensor y = geglu(linear(operand(*device, {5, 8}, x), operand(*device, {8, 16}, w)));
    Graph graph = take(Graph::compile(device, {y}));
    CHECK(graph.dump().find("geglu") != std::string::npos);
    take(graph.run());
    CHECK(difference(take(graph.read()), doubles(values_of(device, y, false))) < 1e-6);
}

TEST_CASE("a tuning that leaves no product variant is an error", "[gpu]") {
    auto device = test_device();
    Retuned retuned(device, Tuning::only("matmul.none"));
    Tensor x = operand(*device, {4, 4}, integers(16, 1));
    CHECK_THROWS_AS(Graph::compile(device, {matmul(x, x)}), ModelError);
}

TEST_CASE("a product with too few tiles for the device is split along K") {
    Caps caps;
    caps.kind = DeviceKind::discrete;
    caps.invocations = 256;
    caps.cores = 60;
    struct Choosing : Lowering {
        Caps given;
        Tuning none;
        const Caps& caps() const override { return given; }
        const Tuning& tuning() const override { return none; }
        Operand operand(const Tensor&) override { return {}; }
        Operand scratch(uint64_t, DType) override { return {}; }
        void launch(Launch) override {}
    } lowering;
    lowering.given = caps;
    auto parts = [&](int64_t m, int64_t k, int64_t n) {
        return choose_product(lowering, plain(m, k, n, DType::f16), "matmul").parts;
    };
    CHECK(parts(128, 11520, 1280) > 1);
    CHECK(parts(8192, 2880, 320) == 1);
    CHECK(parts(128, 64, 1280) == 1);
    lowering.given.kind = DeviceKind::cpu;
    lowering.given.cores = 2;
    CHECK(parts(64, 11520, 1280) == 1);
}
