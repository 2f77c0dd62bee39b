// Matrices that stay quantised in device memory: products with them, and what they hold.
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "runtime/graph/graph.h"
#include "runtime/ops/product_variants.h"
#include "runtime/tensor/quantised.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr DType kTypes[] = {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0,    DType::q5_1,
                            DType::q4_k, DType::q5_k, DType::q6_k, DType::f8_e4m3, DType::f8_e5m2};

// A matrix [in, out] as a file would hold it, in device memory and as the values that it stands
// for.
struct Quantised {
    Tensor tensor;
    Doubles values;   // [in, out]

    Quantised(Device& device, DType dtype, int64_t in, int64_t out, uint32_t seed)
        : Quantised(device, dtype, in, out, fractions(in * out, seed)) {}

    // From `given` [out, in].
    Quantised(Device& device, DType dtype, int64_t in, int64_t out,
              const std::vector<float>& given) {
        std::vector<std::byte> rows(bytes_of(dtype, in * out));
        from_f32(dtype, given.data(), rows.data(), given.size());
        std::vector<float> kept(given.size());
        to_f32(dtype, rows.data(), kept.data(), kept.size());
        for (int64_t k = 0; k < in; k++)
            for (int64_t n = 0; n < out; n++) values.push_back(kept[size_t(n * in + k)]);
        std::vector<std::byte> packed(stored_bytes(dtype, {in, out}));
        REQUIRE(pack_quantised(dtype, rows.data(), in, out, packed.data(), 0, out));
        Buffer buffer = take(device.allocate(packed.size(), Intent::device));
        take(device.write(buffer, packed.data(), packed.size()));
        tensor = parameter("w", {in, out}, dtype, buffer);
    }
};

}   // namespace

TEST_CASE("a quantised matrix takes as much device memory as its file", "[quantised]") {
    for (DType dtype : kTypes) {
        const double ratio =
            double(stored_bytes(dtype, {512, 64})) / double(bytes_of(dtype, 512 * 64));
        CAPTURE(name_of(dtype));
        // The six-bit scales and minima of q4_k and q5_k take a byte each.
        CHECK(ratio >= 1);
        CHECK(ratio <= (dtype == DType::q4_k ? 1.03 : dtype == DType::q5_k ? 1.025 : 1.0));
    }
    CHECK_FALSE(can_quantise(DType::q4_k, 320, 64));
    CHECK_FALSE(can_quantise(DType::q8_0, 320, 6));
    CHECK_FALSE(can_quantise(DType::f16, 320, 64));
}

TEST_CASE("a scale that is not finite is refused", "[quantised]") {
    std::vector<std::byte> rows(4 * 34), packed(rows.size());
    CHECK(pack_quantised(DType::q8_0, rows.data(), 32, 4, packed.data(), 0, 4));
    rows[34 + 1] = std::byte(0x7c);
    CHECK_FALSE(pack_quantised(DType::q8_0, rows.data(), 32, 4, packed.data(), 0, 4));
    std::vector<std::byte> bytes(16);
    CHECK(pack_quantised(DType::f8_e4m3, bytes.data(), 4, 4, packed.data(), 0, 4));
    bytes[5] = std::byte(0xff);
    CHECK_FALSE(pack_quantised(DType::f8_e4m3, bytes.data(), 4, 4, packed.data(), 0, 4));
}

TEST_CASE("dequantising on the device gives the values that the blocks stand for",
          "[gpu][quantised]") {
    const auto device = test_device(GENERATE("", "minimal"));
    for (DType dtype : kTypes)
        for (auto [in, out] : {std::pair<int64_t, int64_t>{256, 4}, {512, 20}, {768, 64}}) {
            CAPTURE(name_of(dtype), in, out);
            const Quantised w(*device, dtype, in, out, 3);
            CHECK(difference(values_of(device, cast(w.tensor, DType::f32)), w.values) < 1e-6);
            CHECK(difference(values_of(device, cast(w.tensor, DType::f16)), w.values) < 5e-4);
        }
    check_silent(*device);
}

// The two ways: B as it is, forced, and B made plain in f16 first, as the choice may be.
const char* const kWays[] = {"", "matmul.quantised"};

TEST_CASE("products with a quantised matrix equal the double reference", "[gpu][quantised]") {
    const auto device = test_device(GENERATE("", "minimal"));
    const std::string way = GENERATE(from_range(kWays));
    const Retuned forced(device, Tuning::only(way));
    const DType type_a = GENERATE(DType::f32, DType::f16);
    for (DType dtype : kTypes) {
        if (type_a == DType::f16 && dtype != DType::q8_0 && dtype != DType::q5_k) continue;
        for (auto [rows, in, out] :
             {std::tuple<int64_t, int64_t, int64_t>{1, 256, 4}, {37, 512, 68}, {130, 256, 132}}) {
            CAPTURE(name_of(dtype), rows, in, out, name_of(type_a));
            const Quantised w(*device, dtype, in, out, 5);
            const std::vector<float> x = fractions(rows * in, 7), bias = fractions(out, 9);
            Doubles expected = matmul_reference(doubles(x), w.values, 1, rows, in, out);
            const Tensor a = operand(*device, {rows, in}, x, type_a);
            const double limit = type_a == DType::f32 && !way.empty() ? 1e-5 : 1e-3;
            CHECK(difference(values_of(device, matmul(a, w.tensor)), expected) < limit);
            for (size_t i = 0; i < expected.size(); i++)
                expected[i] = std::max(0.0, expected[i] + bias[i % size_t(out)]);
            const Tensor b = operand(*device, {out}, bias);
            CHECK(difference(values_of(device, linear(a, w.tensor, b, Activation::relu)),
                             expected) < limit);
        }
    }
    check_silent(*device);
}

// Extents of a product.
struct Size {
    int64_t rows, in, out;
};

// The error is that of rows in eight bits, of which the largest value in 32 has 127 steps.
TEST_CASE("packed dot products come near, exactly so on whole numbers", "[gpu][quantised]") {
    const auto device = test_device();
    if (!device->caps().packed_dot) SKIP("no packed dot products");
    const DType type_a = GENERATE(DType::f32, DType::f16);
    for (DType dtype : {DType::q8_0, DType::q4_0, DType::q5_0})
        for (const Size& size : {Size{1, 32, 4}, {37, 320, 68}, {130, 96, 132}}) {
            const int64_t rows = size.rows, in = size.in, out = size.out;
            CAPTURE(name_of(dtype), rows, in, out, name_of(type_a));
            const Quantised w(*device, dtype, in, out, 5);
            std::vector<float> x = integers(rows * in, 7, 100);
            for (size_t i = 0; i < x.size(); i += 32) x[i] = 127;   // so that a step is one
            const std::vector<float> bias = fractions(out, 9);
            const Tensor b = operand(*device, {out}, bias);
            const auto error_of = [&](const std::vector<float>& values) {
                Doubles y = matmul_reference(doubles(values), w.values, 1, rows, in, out);
                for (size_t i = 0; i < y.size(); i++) y[i] += bias[i % size_t(out)];
                const Tensor a = operand(*device, {rows, in}, values, type_a);
                return difference(values_of(device, cast(linear(a, w.tensor, b), DType::f32)), y);
            };
            const double stored = type_a == DType::f16 ? 5e-4 : 1e-6;
            const Retuned dot(device, Tuning::only("matmul.dot"));
            CHECK(error_of(x) < stored);
            CHECK(error_of(fractions(rows * in, 8)) < 2e-2);
        }
    check_silent(*device);
}

// Every tile of the family that dequantises for matrix units, forced; skips the test without any.
void each_matrix_tile(const std::shared_ptr<Device>& device, const std::function<void()>& body) {
    const Operand half{.slot = 0, .offset = 0, .size = 16, .dtype = DType::f16};
    Product product{.a = half, .b = half, .d = half, .map = line_of(8)};
    product.b.dtype = DType::q8_0;
    product.columns = product.channels = product.pitch_a = product.pitch_b = product.pitch_d = 32;
    size_t tiles = 0;
    for (const ProductVariant& variant : product_variants(device->caps(), product)) {
        if (variant.family != &kProductMatrixQuantised) continue;
        INFO(variant.name());
        const Retuned forced(device, Tuning::only(variant.name()));
        body();
        tiles++;
    }
    check_silent(*device);
    if (tiles == 0) SKIP("no cooperative matrices");
}

TEST_CASE("a quantised matrix on matrix units is exact on whole numbers", "[gpu][quantised]") {
    const auto device = test_device();
    each_matrix_tile(device, [&] {
        for (const Size& size : {Size{37, 96, 72}, {130, 32, 136}}) {
            CAPTURE(size.rows, size.in, size.out);
            const std::vector<float> x = integers(size.rows * size.in, 7, 1),
                                     bias = integers(size.out, 9);
            std::vector<float> values = integers(size.in * size.out, 5);
            for (size_t i = 0; i < values.size(); i += 32) values[i] = 127;   // a step is one
            const Quantised w(*device, DType::q8_0, size.in, size.out, values);
            Doubles y = matmul_reference(doubles(x), w.values, 1, size.rows, size.in, size.out);
            for (size_t i = 0; i < y.size(); i++) y[i] += bias[i % size_t(size.out)];
            const Tensor a = operand(*device, {size.rows, size.in}, x, DType::f16);
            CHECK(difference(
                      values_of(device, linear(a, w.tensor, operand(*device, {size.out}, bias))),
                      y) == 0);
        }
    });
}

TEST_CASE("a quantised matrix on matrix units keeps its scales, minima and gates",
          "[gpu][quantised]") {
    const auto device = test_device();
    each_matrix_tile(device, [&] {
        for (DType dtype : {DType::q5_k, DType::f8_e4m3}) {
            CAPTURE(name_of(dtype));
            const Quantised w(*device, dtype, 256, 80, 5);
            const Tensor scaled_w = dtype == DType::q5_k ? w.tensor : scaled(w.tensor, 0.5f);
            const double scale = dtype == DType::q5_k ? 1 : 0.5;
            const std::vector<float> x = fractions(37 * 256, 7), bias = fractions(80, 9);
            Doubles y = matmul_reference(doubles(x), w.values, 1, 37, 256, 80), gated;
            for (size_t i = 0; i < y.size(); i++) y[i] = scale * y[i] + bias[i % 80];
            const auto gelu = [](double v) { return 0.5 * v * (1 + std::erf(v / std::sqrt(2))); };
            for (size_t i = 0; i < y.size(); i++)
                if (i % 80 < 40) gated.push_back(y[i] * gelu(y[i + 40]));
            const Tensor a = operand(*device, {37, 256}, x, DType::f16),
                         whole = linear(a, scaled_w, operand(*device, {80}, bias));
            CHECK(difference(values_of(device, whole), y) < 1e-3);
            Graph graph = take(Graph::compile(device, {geglu(whole)}));
            CHECK(graph.stats().launches == 1);
            take(graph.run());
            CHECK(difference(take(graph.read()), gated) < 1e-3);
        }
    });
}

TEST_CASE("each way to take a quantised matrix can be forced", "[gpu][quantised]") {
    const auto device = test_device();
    const Quantised w(*device, DType::q8_0, 256, 68, 5);
    const std::vector<float> x = fractions(37 * 256, 7);
    const Tensor a = operand(*device, {37, 256}, x);
    const Doubles expected = matmul_reference(doubles(x), w.values, 1, 37, 256, 68);
    const auto launches = [&](const char* variant, double limit) {
        CAPTURE(variant);
        const Retuned forced(device, Tuning::only(variant));
        Graph graph = take(Graph::compile(device, {matmul(a, w.tensor)}));
        take(graph.run());
        CHECK(difference(take(graph.read()), expected) < limit);
        return graph.dump();
    };
    const auto begins = [](const std::string& dump, const std::string& kernel) {
        return dump.starts_with(kernel + " ");
    };
    for (const char* tile : {"64x64", "16x64", "64x128"})
        if (tile != std::string("64x128") || device->caps().invocations >= 256)
            CHECK(begins(launches(("matmul.quantised " + std::string(tile)).c_str(), 1e-5),
                         "matmul_quantised"));
    CHECK(begins(launches("matmul.shared", 1e-3), "dequantise"));
    if (device->caps().packed_dot) CHECK(begins(launches("matmul.dot", 2e-2), "quantise_rows"));
    CHECK_THROWS_AS(launches("matmul.none", 0), ModelError);
    // Rows in bytes are less exact: without hardware they are taken only where told so.
    if (!device->caps().fast_dot) {
        Graph graph = take(Graph::compile(device, {matmul(a, w.tensor)}));
        CHECK_FALSE(begins(graph.dump(), "quantise_rows"));
    }
    check_silent(*device);
}

TEST_CASE("residuals are added to products with a quantised matrix", "[gpu][quantised]") {
    const auto device = test_device(GENERATE("", "minimal"));
    const std::string way = GENERATE(from_range(kWays));
    const Retuned forced(device, Tuning::only(way));
    const Quantised w(*device, DType::q6_k, 256, 20, 5);
    const std::vector<float> x = fractions(6 * 256, 7), same = fractions(6 * 20, 8),
                             rows = fractions(2 * 20, 9);
    const Tensor a = operand(*device, {2, 3, 256}, x), b = operand(*device, {2, 3, 20}, same),
                 c = operand(*device, {2, 1, 20}, rows);
    const Doubles product = matmul_reference(doubles(x), w.values, 1, 6, 256, 20);
    Doubles with_same = product, with_rows = product;
    for (size_t i = 0; i < product.size(); i++)
        with_same[i] += same[i], with_rows[i] += rows[i / 60 * 20 + i % 20];
    const double limit = way.empty() ? 1e-3 : 1e-5;
    CHECK(difference(values_of(device, linear(a, w.tensor) + b), with_same) < limit);
    CHECK(difference(values_of(device, linear(a, w.tensor) + c), with_rows) < limit);
    check_silent(*device);
}

TEST_CASE("the scale of an fp8 matrix reaches products, gradients and casts", "[gpu][quantised]") {
    const auto device = test_device(GENERATE("", "minimal"));
    const Quantised w(*device, DType::f8_e4m3, 32, 8, 11);
    const Tensor half = scaled(w.tensor, 0.5f);
    const std::vector<float> x = fractions(5 * 32, 7), ones(5 * 8, 1);
    Doubles product = matmul_reference(doubles(x), w.values, 1, 5, 32, 8), sums(5 * 32), values;
    for (double& v : product) v /= 2;
    for (size_t i = 0; i < sums.size(); i++)
        for (size_t n = 0; n < 8; n++) sums[i] += w.values[i % 32 * 8 + n] / 2;
    for (double v : w.values) values.push_back(v / 2);
    const Tensor a = operand(*device, {5, 32}, x), d = operand(*device, {5, 8}, ones);
    CHECK(difference(values_of(device, matmul(a, half)), product) < 1e-3);
    CHECK(difference(values_of(device, cast(half, DType::f32)), values) < 1e-6);
    CHECK(difference(values_of(device, gradient(matmul(a, half), d, {a})[0]), sums) < 1e-3);
    check_silent(*device);
}

TEST_CASE("an input may be a quantised matrix, written as dense values", "[gpu][quantised]") {
    const auto device = test_device();
    const std::vector<float> x = integers(3 * 256, 1, 8), values = integers(256 * 8, 2, 7);
    for (DType dtype : {DType::q8_0, DType::q4_k, DType::f8_e4m3}) {
        CAPTURE(name_of(dtype));
        const Tensor w = input("w", {256, 8}, dtype);
        Graph graph = take(Graph::compile(device, {matmul(operand(*device, {3, 256}, x), w)}));
        take(graph.write(w, values));
        take(graph.run());
        const Doubles expected = matmul_reference(doubles(x), doubles(values), 1, 3, 256, 8);
        CHECK(difference(take(graph.read()), expected) < 0.03);
    }
    check_silent(*device);
}

TEST_CASE("what takes no quantised matrix says so", "[gpu][quantised]") {
    const auto device = test_device();
    const Quantised w(*device, DType::q8_0, 32, 4, 11);
    const Tensor x = operand(*device, {4, 32}, fractions(4 * 32, 7));
    CHECK_THROWS_AS(matmul(w.tensor, x), ModelError);
    CHECK_THROWS_AS(conv(reshape(x, {1, 4, 32}), w.tensor), ModelError);
    CHECK_THROWS_AS(w.tensor + w.tensor, ModelError);
}
