// The products on cooperative matrices: what product_variants.cpp does not ask of every family.
// Each tile of each, forced in turn, in f16; devices that emulate them have them for this.
#include "runtime/ops/product_variants.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// A product of f16 in eights.
Product product_of_halves() {
    Operand half{.slot = 0, .offset = 0, .size = 16, .dtype = DType::f16};
    return {.a = half,
            .b = half,
            .d = half,
            .map = line_of(8),
            .columns = 8,
            .channels = 8,
            .pitch_a = 8,
            .pitch_b = 8,
            .pitch_d = 8};
}

// The variants of it that multiply matrices; skips the test without any.
std::vector<ProductVariant> matrix_variants(const Device& device, const Product& product) {
    std::vector<ProductVariant> found = product_variants(device.caps(), product);
    std::erase_if(found, [](const auto& v) { return !v.family->name.starts_with("matrix"); });
    if (found.empty()) SKIP("no cooperative matrices");
    return found;
}

// Runs `body` with every such variant forced.
void each_variant(const std::function<void(const std::shared_ptr<Device>&)>& body,
                  const Product& product = product_of_halves()) {
    auto device = test_device();
    for (const ProductVariant& variant : matrix_variants(*device, product)) {
        INFO(variant.name());
        Retuned retuned(device, Tuning::only(variant.name()));
        body(device);
    }
    check_silent(*device);
}

Tensor half(Device& device, const Shape& shape, const std::vector<float>& values) {
    return operand(device, shape, values, DType::f16);
}

const std::vector<ConvCase> kConvolutions = {
    {"3x3 of a batch", {2, 9, 7, 16}, {3, 3, 16, 24}, {}, {1, 1}, {1, 1}},
    {"many channels", {1, 6, 5, 72}, {3, 3, 72, 136}, {}, {1, 1}, {1, 1}},
    {"stride 2, asymmetric padding", {2, 8, 10, 8}, {3, 3, 8, 16}, {2, 2}, {0, 0}, {1, 1}},
    {"dilation", {1, 11, 9, 8}, {3, 2, 8, 16}, {1, 2}, {2, 0}, {2, 3}, {2, 3}},
    {"1x1", {2, 5, 7, 40}, {1, 1, 40, 24}},
    {"1x1 with stride", {1, 7, 9, 16}, {1, 1, 16, 8}, {2, 2}},
    {"one dimension", {2, 23, 8}, {5, 8, 16}, {3}, {2}, {1}},
    {"three dimensions", {1, 4, 5, 6, 8}, {3, 2, 3, 8, 16}, {1, 2, 1}, {1, 0, 1}, {1, 1, 1}},
};

}   // namespace

TEST_CASE("matmul on matrices is exact on small integers", "[gpu]") {
    struct Case {
        int64_t batch, m, k, n;
        bool transposed;
    };
    each_variant([](const std::shared_ptr<Device>& device) {
        for (Case c :
             {Case{1, 1, 8, 8, false}, Case{1, 37, 56, 40, false}, Case{1, 131, 72, 136, false},
              Case{1, 70, 264, 72, true}, Case{3, 19, 24, 32, false}, Case{2, 33, 40, 48, true}}) {
            INFO(c.batch << " x " << c.m << " x " << c.k << " x " << c.n << " " << c.transposed);
            auto a = integers(c.batch * c.m * c.k, 1, 1), b = integers(c.batch * c.k * c.n, 2, 1);
            std::vector<float> stored = b;
            for (int64_t i = 0; c.transposed && i < c.batch * c.k * c.n; i++) {
                int64_t z = i / (c.k * c.n), row = i / c.n % c.k, column = i % c.n;
                stored[(z * c.n + column) * c.k + row] = b[i];
            }
            Shape of_b = c.transposed ? Shape{c.batch, c.n, c.k} : Shape{c.batch, c.k, c.n};
            Tensor y = matmul(half(*device, {c.batch, c.m, c.k}, a), half(*device, of_b, stored),
                              {false, c.transposed});
            CHECK(difference(values_of(device, y), matmul_reference(doubles(a), doubles(b), c.batch,
                                                                    c.m, c.k, c.n)) == 0);
        }
    });
}

TEST_CASE("conv on matrices is exact on small integers", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        for (const ConvCase& c : kConvolutions) {
            INFO(c.name);
            auto x = integers(c.x.count(), 1, 1), w = integers(c.w.count(), 2, 1),
                 bias = integers(c.w[-1], 3);
            Tensor y = conv(half(*device, c.x, x), half(*device, c.w, w),
                            operand(*device, {c.w[-1]}, bias), c.options());
            Doubles expected = conv_reference(c, doubles(x), doubles(w), y.shape());
            for (size_t i = 0; i < expected.size(); i++) expected[i] += bias[i % bias.size()];
            CHECK(difference(values_of(device, y), expected) == 0);
        }
    });
}

TEST_CASE("a transposed conv on matrices is exact on small integers", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        ConvCase c{"", {1, 5, 4, 16}, {3, 3, 16, 8}, {2, 2}, {1, 1}, {1, 1}};
        auto x = integers(c.x.count(), 1, 1), w = integers(c.w.count(), 2, 1);
        Tensor y = conv_transpose(half(*device, c.x, x), half(*device, c.w, w), {}, c.transposed());
        CHECK(difference(values_of(device, y),
                         conv_transpose_reference(c, doubles(x), doubles(w), y.shape())) == 0);
    });
}

TEST_CASE("the epilogue on matrices equals its operators", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        Tensor x = half(*device, {2, 6, 5, 8}, fractions(480, 1)),
               w = half(*device, {3, 3, 8, 24}, fractions(9 * 8 * 24, 2)),
               bias = operand(*device, {24}, fractions(24, 3)),
               half_bias = half(*device, {24}, fractions(24, 3)),
               same = half(*device, {2, 6, 5, 24}, fractions(60 * 24, 4)),
               image = half(*device, {2, 1, 1, 24}, fractions(48, 5));
        ConvOptions options{.pad_before = {1, 1}, .pad_after = {1, 1}};
        for (const Tensor& y :
             {silu(conv(x, w, bias, options)) + same, conv(x, w, half_bias, options) + image}) {
            Graph fused = take(Graph::compile(device, {y}));
            Graph apart = take(Graph::compile(device, {y}, {.fuse = false}));
            CHECK(fused.stats().launches < apart.stats().launches);
            CHECK(difference(values_of(device, y), doubles(values_of(device, y, false))) < 2e-3);
        }
    });
}

TEST_CASE("gates on matrices are a part of their product", "[gpu]") {
    Product gated = product_of_halves();
    gated.gated = true;
    gated.pitch_b = 16;
    auto check = [](const std::shared_ptr<Device>& device) {
        for (auto [m, k, n] : {std::array<int64_t, 3>{37, 72, 40}, {130, 40, 136}, {3, 8, 8}}) {
            INFO(m << " x " << k << " x " << n);
            auto x = fractions(m * k, 1), w = fractions(k * 2 * n, 2), bias = fractions(2 * n, 3);
            Tensor y = geglu(linear(half(*device, {m, k}, x), half(*device, {k, 2 * n}, w),
                                    operand(*device, {2 * n}, bias)));
            Doubles whole = matmul_reference(doubles(x), doubles(w), 1, m, k, 2 * n), expected;
            for (int64_t i = 0; i < m * n; i++) {
                const int64_t value = i / n * 2 * n + i % n, gate = value + n;
                const double g = whole[size_t(gate)] + bias[size_t(n + i % n)];
                expected.push_back((whole[size_t(value)] + bias[size_t(i % n)]) * 0.5 * g *
                                   (1 + std::erf(g / std::sqrt(2.0))));
            }
            Graph graph = take(Graph::compile(device, {y}));
            CHECK(graph.stats().launches == 1);
            take(graph.run());
            CHECK(difference(take(graph.read()), expected) < 1e-3);
        }
    };
    each_variant(check, gated);
}

TEST_CASE("sums beyond f16 saturate on matrices", "[gpu]") {
    each_variant([](const std::shared_ptr<Device>& device) {
        std::vector<float> a(16 * 64, 60.0f), b(64 * 8, 30.0f);
        Tensor y = matmul(half(*device, {16, 64}, a), half(*device, {64, 8}, b));
        for (float value : values_of(device, y)) CHECK(value == 65504.0f);
    });
}

TEST_CASE("f32 operands are never multiplied as f16", "[gpu]") {
    auto device = test_device();
    Operand single{.slot = 0, .offset = 0, .size = 32, .dtype = DType::f32};
    Product product{.a = single, .b = single, .d = single, .map = line_of(8)};
    product.columns = product.channels = product.pitch_a = product.pitch_b = product.pitch_d = 8;
    for (const ProductVariant& variant : product_variants(device->caps(), product))
        CHECK_FALSE(variant.family->name.starts_with("matrix"));
}

TEST_CASE("emulated matrices are not chosen", "[gpu]") {
    auto device = test_device("");
    if (matrix_hardware(device->caps())) SKIP("the device has matrix units");
    auto x = half(*device, {32, 64}, integers(32 * 64, 1, 1)),
         w = half(*device, {64, 32}, integers(64 * 32, 2, 1));
    Graph graph = take(Graph::compile(device, {matmul(x, w)}));
    CHECK(graph.dump().find("matmul_matrix") == std::string::npos);
}
