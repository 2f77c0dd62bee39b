// A gradient in a graph of its own against the same one in a single graph.
#include "runtime/ops/pullback.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/ops/cases.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

std::vector<float> values(const Shape& shape, uint32_t seed) {
    const Array array = random_array(shape, seed);
    return {array.values.begin(), array.values.end()};
}

Tensor weight(const Shape& shape, uint32_t seed) { return constant(shape, values(shape, seed)); }

// Norms, convolutions, a view, products of what depends on x, and two readers of one tensor.
Tensor network(const Tensor& x) {
    const ConvOptions same{.pad_before = {1, 1}, .pad_after = {1, 1}};
    Tensor h = conv(silu(group_norm(x, 2, {}, {}, 1e-5f)), weight({3, 3, 8, 8}, 1), {}, same);
    const Tensor line = reshape(h, {x[0], x[1] * x[2], x[3]});
    h = h + reshape(attention(line, tanh(line), line, {.heads = 2}), h.shape());
    return linear(silu(group_norm(h, 4, {}, {}, 1e-5f)), weight({8, 6}, 2), {}) * mean(x, {3});
}

}   // namespace

TEST_CASE("a pullback is the gradient of a single graph", "[gpu]") {
    const auto device = test_device();
    const Shape shape{2, 5, 3, 8};
    const Tensor x = input("x", shape), y = network(x);
    const auto again = GENERATE(0, 1, 2);   // nothing, everything, or some
    const Pullback both = take(pullback(*device, y, {x}, [&](const Tensor& t) {
        return again == 1 || (again == 2 && t.rank() == 4);
    }));
    const Tensor d = input("d", y.shape());
    const auto workspace = std::make_shared<Workspace>(device);
    Graph whole = take(Graph::compile(device, {y, gradient(y, d, {x})[0]})),
          forward = take(Graph::compile(device, both.forward, {.workspace = workspace})),
          backward = take(Graph::compile(device, both.backward, {.workspace = workspace}));
    for (uint32_t seed = 5; seed < 7; seed++) {
        for (Graph* graph : {&whole, &forward, &backward})
            take(graph->write(x, values(shape, seed)));
        take(whole.write(d, values(y.shape(), 8)));
        take(backward.write(both.d_y, values(y.shape(), 8)));
        for (Graph* graph : {&whole, &forward, &backward}) take(graph->run());
        CHECK(difference(take(forward.read()), take(whole.read(0)), 1e-5) == "");
        CHECK(difference(take(backward.read()), take(whole.read(1)), 1e-4) == "");
    }
    CHECK((both.kept_bytes == 0) == (again == 1));
    CHECK((both.forward.size() == 1) == (again == 1));
    check_silent(*device);
}

TEST_CASE("a pullback that finds no memory says so", "[gpu]") {
    DeviceOptions options = device_options();
    options.memory_limit = 1 << 20;
    const auto device = open_device(options);
    const Tensor x = input("x", {1, 512, 512, 4});
    const auto both = pullback(*device, square(exp(x)), {x});
    REQUIRE(!both);
    CHECK(both.error().status == Status::out_of_memory);
}
