#include "runtime/graph/graph.h"

#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "runtime/ops/gradient.h"
#include "runtime/ops/ops.h"
#include "tests/support/device.h"
#include "tests/support/matchers.h"

using namespace kiln;
using namespace kiln::test;

static std::vector<float> wave(int64_t count, float step = 0.37f) {
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); i++) values[i] = std::sin(step * float(i + 1));
    return values;
}

static Tensor waves(Shape shape, float step = 0.37f) {
    int64_t count = shape.count();
    return constant(std::move(shape), wave(count, step));
}

// A block with a residual, a norm with an activation, and two users of one tensor.
static Tensor block(const Tensor& x) {
    Tensor w1 = waves({3, 3, 8, 8}, 0.11f), w2 = waves({3, 3, 8, 8}, 0.23f);
    Tensor gain = waves({8}, 0.5f), shift = waves({8}, 0.7f);
    Tensor h = conv(silu(group_norm(x, 4, gain, shift, 1e-5f)), w1, shift,
                    {.pad_before = {1, 1}, .pad_after = {1, 1}});
    h = conv(silu(h), w2, {}, {.pad_before = {1, 1}, .pad_after = {1, 1}});
    return h + x;
}

TEST_CASE("replay equals a fresh compile, whatever the inputs were before", "[gpu]") {
    auto device = test_device();
    Tensor x = input("x", {1, 5, 7, 8});
    auto replayed = take(Graph::compile(device, {block(block(x))}));
    std::vector<float> first = wave(280), second = wave(280, 1.9f);
    take(replayed.write(x, first));
    take(replayed.run());
    take(replayed.write(x, second));
    take(replayed.run());

    auto fresh = take(Graph::compile(device, {block(block(x))}));
    take(fresh.write(x, second));
    take(fresh.run());
    CHECK(take(replayed.read()) == take(fresh.read()));
    check_silent(*device);
}

TEST_CASE("a fused graph has fewer launches and the same result", "[gpu]") {
    auto device = test_device();
    Tensor x = waves({2, 5, 7, 8});
    auto fused = take(Graph::compile(device, {block(x)}));
    auto plain = take(Graph::compile(device, {block(x)}, {.fuse = false}));
    take(fused.run());
    take(plain.run());
    CHECK(fused.stats().launches < plain.stats().launches);
    CHECK(difference(take(fused.read()), take(plain.read()), 1e-5) == "");
}

TEST_CASE("intermediates share memory", "[gpu]") {
    auto device = test_device();
    Tensor x = waves({1, 16, 16, 8});
    Tensor y = x;
    for (int i = 0; i < 12; i++) y = silu(y) + x;
    auto graph = take(Graph::compile(device, {y}));
    CHECK(graph.stats().intermediate_bytes * 4 < graph.stats().unshared_bytes);
}

TEST_CASE("two graphs take turns in one workspace", "[gpu]") {
    auto device = test_device();
    auto workspace = std::make_shared<Workspace>(device);
    Tensor x = waves({1, 8, 8, 8}), z = waves({1, 24, 24, 8}, 0.9f);
    auto small = take(Graph::compile(device, {block(x)}, {.workspace = workspace}));
    auto large = take(Graph::compile(device, {block(z)}, {.workspace = workspace}));
    take(small.run());
    auto before = take(small.read());
    take(large.run());
    take(small.run());
    CHECK(take(small.read()) == before);
}

TEST_CASE("a replay creates no pipeline", "[gpu]") {
    auto device = test_device();
    Tensor x = input("x", {1, 5, 7, 8});
    auto graph = take(Graph::compile(device, {block(x)}));
    take(graph.write(x, wave(280)));
    uint64_t before = device->pipelines_created();
    for (int i = 0; i < 3; i++) take(graph.run());
    CHECK(device->pipelines_created() == before);
}

TEST_CASE("an input the graph does not have, or of another size, is refused by name", "[gpu]") {
    auto device = test_device();
    Tensor x = input("x", {4}), other = input("other", {4});
    auto graph = take(Graph::compile(device, {silu(x)}));
    auto unknown = graph.write(other, wave(4));
    REQUIRE_FALSE(unknown.ok());
    CHECK(unknown.error().message.find("other") != std::string::npos);
    auto short_one = graph.write(x, wave(3));
    REQUIRE_FALSE(short_one.ok());
    CHECK(short_one.error().message == "input 'x' takes [4], given 3 values");
}

TEST_CASE("gradients through a block agree with central differences", "[gpu]") {
    auto device = test_device();
    Tensor x = input("x", {1, 3, 5, 8});
    Tensor y = block(x), cotangent = waves(y.shape(), 0.61f);
    auto graph = take(Graph::compile(device, {y, gradient(y, cotangent, {x})[0]}));
    std::vector<float> at = wave(120), weights = wave(120, 0.61f);
    auto value = [&](const std::vector<float>& point) {
        take(graph.write(x, point));
        take(graph.run());
        double total = 0;
        std::vector<float> out = take(graph.read(0));
        for (size_t i = 0; i < out.size(); i++) total += double(out[i]) * weights[i];
        return total;
    };
    value(at);
    std::vector<float> found = take(graph.read(1));
    for (size_t i : {0, 17, 63, 119}) {
        const float h = 1e-2f;   // f32 forward passes: the error of the difference is about 1e-3
        auto up = at, down = at;
        up[i] += h;
        down[i] -= h;
        double expected = (value(up) - value(down)) / (2 * h);
        CHECK(std::fabs(found[i] - expected) < 5e-3 * std::max(1.0, std::fabs(expected)));
    }
}

TEST_CASE("a tensor that does not reach the result has a zero gradient", "[gpu]") {
    auto device = test_device();
    Tensor x = waves({2, 3}), apart = waves({5});
    Tensor d = gradient(silu(x), waves({2, 3}), {apart})[0];
    CHECK(take(evaluate(device, d)) == std::vector<float>(5, 0.0f));
}

TEST_CASE("a tensor used twice gets the sum of both gradients", "[gpu]") {
    auto device = test_device();
    Tensor x = constant({3}, {1, -2, 3});
    Tensor d = gradient(x * silu(x) + x, constant({3}, {1, 1, 1}), {x})[0];
    std::vector<float> expected;
    for (double v : {1.0, -2.0, 3.0}) {
        double s = 1 / (1 + std::exp(-v));
        expected.push_back(float(v * s + v * (s + v * s * (1 - s)) + 1));
    }
    CHECK(difference(take(evaluate(device, d)), expected, 1e-5) == "");
}

TEST_CASE("errors name the operator, the shapes and the module") {
    Tensor x = input("x", {1, 4, 4, 8});
    Tensor w = parameter("unet.mid.conv.weight", {3, 3, 9, 8}, DType::f32,
                         Buffer(nullptr, 0, 3 * 3 * 9 * 8 * 4));
    try {
        conv(x, w);
        FAIL("accepted");
    } catch (const ModelError& error) {
        std::string message = error.what();
        CHECK(message.find("[conv") == 0);
        CHECK(message.find("[1, 4, 4, 8]") != std::string::npos);
        CHECK(message.find("(unet.mid.conv)") != std::string::npos);
    }
}
