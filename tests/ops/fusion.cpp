// What products and group norm do for each other: statistics of a result by the kernel that writes
// it, and the norm by the kernel that reads it. Against references in double.
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "runtime/ops/product_variants.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr float kEps = 1e-5f;

// silu of x [images, rows, channels] normalized by group, times weight plus bias.
Doubles group_norm_reference(const Doubles& x, int64_t images, int64_t channels, int groups,
                             const std::vector<float>& weight, const std::vector<float>& bias) {
    int64_t rows = int64_t(x.size()) / images / channels, size = channels / groups;
    Doubles y(x.size());
    for (int64_t image = 0; image < images; image++)
        for (int64_t g = 0; g < groups; g++) {
            auto each = [&](auto visit) {
                for (int64_t r = 0; r < rows; r++)
                    for (int64_t c = g * size; c < (g + 1) * size; c++)
                        visit(size_t((image * rows + r) * channels + c), size_t(c));
            };
            double mean = 0, square = 0, count = double(rows * size);
            each([&](size_t i, size_t) { mean += x[i] / count; });
            each([&](size_t i, size_t) { square += (x[i] - mean) * (x[i] - mean) / count; });
            each([&](size_t i, size_t c) {
                double v = (x[i] - mean) / std::sqrt(square + kEps) * weight[c] + bias[c];
                y[i] = v / (1 + std::exp(-v));
            });
        }
    return y;
}

Doubles concat_reference(const Doubles& a, int64_t in_a, const Doubles& b, int64_t in_b) {
    Doubles y;
    for (size_t row = 0; row * size_t(in_a) < a.size(); row++) {
        y.insert(y.end(), a.begin() + long(row) * in_a, a.begin() + long(row + 1) * in_a);
        y.insert(y.end(), b.begin() + long(row) * in_b, b.begin() + long(row + 1) * in_b);
    }
    return y;
}

struct Value {
    Tensor tensor;
    Doubles reference;
};

// A convolution of 3 x 3 whose results are about `shift`.
Value conv_value(Device& device, Shape x, int64_t out, DType dtype, float shift = 0) {
    ConvCase c{"", x, {3, 3, x[3], out}, {1, 1}, {1, 1}, {1, 1}, {}, {}, 1};
    std::vector<float> values = fractions(c.x.count(), 1), w = fractions(c.w.count(), 2),
                       bias = fractions(out, 3);
    for (float& b : bias) b += shift;
    x[3] = out;
    Value v{conv(operand(device, c.x, values, dtype), operand(device, c.w, w, dtype),
                 operand(device, {out}, bias), c.options()),
            conv_reference(c, doubles(values), doubles(w), x)};
    for (size_t i = 0; i < v.reference.size(); i++) v.reference[i] += bias[i % size_t(out)];
    return v;
}

Value linear_value(Device& device, Shape x, int64_t out, DType dtype) {
    int64_t rows = x.count() / x[-1], in = x[-1];
    std::vector<float> values = fractions(x.count(), 4), w = fractions(in * out, 5);
    return {linear(operand(device, x, values, dtype), operand(device, {in, out}, w, dtype)),
            matmul_reference(doubles(values), doubles(w), 1, rows, in, out)};
}

Value normed(Device& device, const Value& x, int groups) {
    int64_t images = x.tensor[0], channels = x.tensor[-1];
    std::vector<float> weight = fractions(channels, 6), bias = fractions(channels, 7);
    return {silu(group_norm(x.tensor, groups, operand(device, {channels}, weight),
                            operand(device, {channels}, bias), kEps)),
            group_norm_reference(x.reference, images, channels, groups, weight, bias)};
}

Value joined(const Value& a, const Value& b) {
    return {concat({a.tensor, b.tensor}, -1),
            concat_reference(a.reference, a.tensor[-1], b.reference, b.tensor[-1])};
}

size_t launches_of(const Graph& graph, std::string_view kernel) {
    size_t count = 0;
    for (const LaunchReport& launch : graph.launches()) count += launch.kernel == kernel;
    return count;
}

Tuning with_loads(Tuning tuning, double speed) {
    tuning.set("norm.load", {speed, {}});
    return tuning;
}

// A convolution of 3 x 3 over x, which it pads.
Value convolved(Device& device, const Value& x, int64_t out, int stride, DType dtype) {
    ConvCase c{
        "", x.tensor.shape(), {3, 3, x.tensor[-1], out}, {stride, stride}, {1, 1}, {1, 1}, {}, {},
        1};
    std::vector<float> w = fractions(c.w.count(), 8);
    Tensor y = conv(x.tensor, operand(device, c.w, w, dtype), {}, c.options());
    return {y, conv_reference(c, x.reference, doubles(w), y.shape())};
}

Value projected(Device& device, const Value& x, int64_t out, DType dtype) {
    int64_t in = x.tensor[-1], rows = x.tensor.shape().count() / in;
    std::vector<float> w = fractions(in * out, 8);
    return {linear(reshape(x.tensor, {x.tensor[0], -1, in}), operand(device, {in, out}, w, dtype)),
            matmul_reference(x.reference, doubles(w), 1, rows, in, out)};
}

// With every variant in turn, the norm in the load of those that can.
void check_loads(const std::shared_ptr<Device>& device, const Product& product, const Value& value,
                 double tolerance) {
    size_t fused = 0;
    for (const ProductVariant& variant : product_variants(device->caps(), product)) {
        INFO(device->caps().profile << ": " << variant.name());
        Retuned retuned(device, with_loads(Tuning::only(variant.name()), 1e30));
        Graph graph = take(Graph::compile(device, {value.tensor}));
        INFO(graph.dump());
        CHECK(launches_of(graph, "group_norm") == !variant.family->normalises);
        take(graph.run());
        CHECK(difference(take(graph.read()), value.reference) < tolerance);
        fused += variant.family->normalises;
    }
    CHECK(fused > 0);
    check_silent(*device);
}

// Right, and with so many launches that read a tensor for its statistics only.
void check_value(const std::shared_ptr<Device>& device, const Value& v, double tolerance,
                 size_t readings) {
    Graph graph = take(Graph::compile(device, {v.tensor}));
    INFO(graph.dump());
    CHECK(launches_of(graph, "group_norm_stats") == readings);
    take(graph.run());
    CHECK(difference(take(graph.read()), v.reference) < tolerance);
    check_silent(*device);
}

bool gives_statistics(const ProductVariant& variant, int64_t images, int64_t rows) {
    return variant.parts == 1 && variant.family->statistics &&
           (images == 1 || rows % variant.tile->rows == 0);
}

// With every variant of the product in turn.
void check_variants(const std::shared_ptr<Device>& device, const Product& product,
                    const Value& value, int64_t images, double tolerance) {
    size_t fused = 0;
    for (const ProductVariant& variant : product_variants(device->caps(), product)) {
        INFO(device->caps().profile << ": " << variant.name());
        Retuned retuned(device, Tuning::only(variant.name()));
        bool gives = gives_statistics(variant, images, product.rows() / images);
        check_value(device, value, tolerance, gives ? 0 : 1);
        fused += gives;
    }
    CHECK((fused > 0 || product.rows() / images % 16));
}

Product product_of(int64_t rows, int64_t channels, int64_t columns, DType dtype) {
    Operand any{.slot = 0, .offset = 0, .size = 16, .dtype = dtype};
    return {.a = any,
            .b = any,
            .d = any,
            .map = line_of(rows),
            .columns = columns,
            .channels = channels,
            .pitch_a = channels,
            .pitch_b = columns,
            .pitch_d = columns};
}

}   // namespace

TEST_CASE("group norm takes the statistics of the product before it", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto [images, height, width, out, groups, dtype] = GENERATE(
        table<int64_t, int64_t, int64_t, int64_t, int, DType>({{1, 5, 7, 20, 5, DType::f32},
                                                               {2, 8, 16, 72, 4, DType::f16},
                                                               {1, 5, 7, 40, 5, DType::f16},
                                                               {3, 5, 9, 36, 3, DType::f32},
                                                               {2, 16, 16, 132, 33, DType::f32}}));
    Value conv = conv_value(*device, {images, height, width, 8}, out, dtype);
    check_variants(device, product_of(images * height * width, 8, out, dtype),
                   normed(*device, conv, groups), images, dtype == DType::f32 ? 1e-5 : 3e-3);
    if (!device->caps().profile.empty()) return;
    Value line = linear_value(*device, {images, height * width, 12}, out, dtype);
    check_variants(device, product_of(images * height * width, 12, out, dtype),
                   normed(*device, line, groups), images, dtype == DType::f32 ? 1e-5 : 3e-3);
}

TEST_CASE("statistics by a product keep their precision under a large mean", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    Value conv = conv_value(*device, {2, 16, 16, 8}, 40, DType::f32, 10000);
    check_variants(device, product_of(512, 8, 40, DType::f32), normed(*device, conv, 4), 2, 5e-3);
}

TEST_CASE("group norm joins the statistics of what was concatenated", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    auto [a, b, groups, dtype] = GENERATE(table<int64_t, int64_t, int, DType>(
        {{32, 64, 4, DType::f16},   // the others: across the seam
         {20, 40, 3, DType::f32},
         {20, 16, 3, DType::f16},
         {4, 68, 2, DType::f32}}));
    Value first = conv_value(*device, {2, 8, 16, 8}, a, dtype),
          second = linear_value(*device, {2, 8, 16, 16}, b, dtype);
    check_variants(device, product_of(256, 8, a, dtype),
                   normed(*device, joined(first, second), groups), 2,
                   dtype == DType::f32 ? 1e-5 : 3e-3);
}

TEST_CASE("group norm reads what has no statistics or too many parts", "[gpu]") {
    auto device = test_device();
    Value conv = conv_value(*device, {1, 8, 8, 8}, 16, DType::f32);
    Doubles plain(8 * 8 * 16, 0.0);
    std::vector<float> values = fractions(8 * 8 * 16, 9);
    Value given{operand(*device, {1, 8, 8, 16}, values), doubles(values)};
    check_value(device, normed(*device, joined(conv, given), 4), 1e-5, 1);
    Value three = joined(joined(conv, conv_value(*device, {1, 8, 8, 8}, 24, DType::f32)),
                         conv_value(*device, {1, 8, 8, 12}, 8, DType::f32));
    check_value(device, normed(*device, three, 6), 1e-5, 1);
}

TEST_CASE("products normalise what they load", "[gpu]") {
    auto device = test_device(GENERATE(from_range(kProfiles)));
    auto [images, height, width, in, out, groups, stride, dtype] =
        GENERATE(table<int64_t, int64_t, int64_t, int64_t, int64_t, int, int, DType>(
            {{2, 5, 7, 20, 36, 5, 1, DType::f32},
             {2, 9, 6, 32, 72, 4, 2, DType::f16},
             {2, 8, 8, 72, 40, 3, 1, DType::f16},   // tiles of one image
             {3, 5, 7, 40, 24, 5, 1, DType::f16},   // and of several
             {1, 7, 5, 12, 3, 3, 1, DType::f32}}));
    int64_t count = images * height * width * in;
    std::vector<float> values = fractions(count, 1);
    Value x = normed(
        *device, {operand(*device, {images, height, width, in}, values, dtype), doubles(values)},
        groups);
    double tolerance = dtype == DType::f32 ? 1e-5 : 4e-3;
    check_loads(device, product_of(images * height * width, in, fours(out), dtype),
                convolved(*device, x, out, stride, dtype), tolerance);
    if (stride == 1)
        check_loads(device, product_of(images * height * width, in, fours(out), dtype),
                    projected(*device, x, out, dtype), tolerance);
}

TEST_CASE("a norm with two readers, or that is read otherwise, is made once", "[gpu]") {
    auto device = test_device();
    Retuned retuned(device, with_loads({}, 1e30));
    std::vector<float> values = fractions(2 * 5 * 4 * 8, 1);
    Value x = normed(*device, {operand(*device, {2, 5, 4, 8}, values), doubles(values)}, 2);
    auto launches = [&](const std::vector<Tensor>& outputs) {
        return launches_of(take(Graph::compile(device, outputs)), "group_norm");
    };
    Tensor a = convolved(*device, x, 8, 1, DType::f32).tensor,
           b = projected(*device, x, 8, DType::f32).tensor;
    CHECK(launches({a}) == 0);
    CHECK(launches({b}) == 0);
    CHECK(launches({a, b}) == 1);
    CHECK(launches({a, x.tensor}) == 1);
    CHECK(launches({softmax(x.tensor)}) == 1);
    CHECK(launches({matmul(x.tensor, x.tensor, {.transpose_b = true})}) == 1);
    device->set_tuning(with_loads({}, 0));
    CHECK(launches({a}) == 1);
}

TEST_CASE("Winograd's convolutions normalise what they load and make statistics", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    auto [height, width, dtype] = GENERATE(table<int64_t, int64_t, DType>(
        {{8, 12, DType::f32}, {4, 8, DType::f16}, {5, 8, DType::f32}}));
    std::vector<float> values = fractions(2 * height * width * 8, 1);
    Value x = normed(*device,
                     {operand(*device, {2, height, width, 8}, values, dtype), doubles(values)}, 2);
    Value y = normed(*device, convolved(*device, x, 12, 1, dtype), 3);
    Retuned retuned(device, with_loads(Tuning::only("conv.winograd"), 1e30));
    Graph graph = take(Graph::compile(device, {y.tensor}));
    INFO(graph.dump());
    if (launches_of(graph, "winograd_output") == 0) SKIP("texel buffers are too small");
    CHECK(launches_of(graph, "group_norm") == 1);   // the second
    CHECK(launches_of(graph, "group_norm_stats") == (height % 4 ? 2 : 1));
    take(graph.run());
    CHECK(difference(take(graph.read()), y.reference) < (dtype == DType::f32 ? 1e-4 : 6e-3));
    check_silent(*device);
}
