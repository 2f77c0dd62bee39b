// Launches that take too long for one submission are dispatched in parts: where submissions must be
// short, every operator gives the bits that it gives where they need not.
#include "runtime/ops/group_norm_gradient.h"
#include "tests/ops/cases.h"
#include "tests/support/device.h"
#include "tests/support/reference.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Run {
    std::vector<float> values;
    size_t submissions;
};

Run run(const std::shared_ptr<Device>& device, const std::vector<Tensor>& inputs,
        const Tensor& output) {
    Graph graph = take(Graph::compile(device, {output}));
    for (const Tensor& x : inputs) {
        std::vector<float> values(size_t(x.shape().count()));
        for (size_t i = 0; i < values.size(); i++) values[i] = float(int(i * 31 % 17) - 8) / 8;
        take(graph.write(x, values));
    }
    take(graph.run());
    return {take(graph.read()), graph.submissions().size()};
}

}   // namespace

TEST_CASE("operators give the same bits in parts as whole", "[gpu]") {
    const auto device = open_device(device_options());
    const Tensor x = input("x", {2, 37, 41, 64}), w = input("w", {3, 3, 64, 100}),
                 b = input("b", {100}), m = input("m", {500, 300}), n = input("n", {300, 77}),
                 q = input("q", {2, 300, 96}), k = input("k", {2, 500, 96});
    ConvOptions same;
    same.pad_before = same.pad_after = {1, 1};
    struct Case {
        std::vector<Tensor> inputs;
        Tensor y;
        bool parts = false;   // what only moves memory is never long enough to need them
    };
    const std::vector<Case> cases = {
        {{x, w, b}, conv(x, w, b, same), true},
        {{m, n}, matmul(m, n), true},
        {{q, k}, attention(q, k, k, {.heads = 3}), true},
        {{x}, group_norm(x, 4, {}, {}, 1e-5f)},
        {{x}, group_norm_gradient(x, x, {}, {}, {4, 1e-5f, true})},
        {{x}, layer_norm(x, {}, {}, 1e-5f)},
        {{m}, softmax(m)},
        {{x}, silu(x)},
        {{x}, upsample_nearest(x, 74, 82)},
        {{x}, permute(x, {0, 3, 1, 2})},
        {{x}, sum(x, {1})},
    };
    for (const Case& c : cases) {
        INFO(c.y.value().node->op->name());
        device->pace() = Pace(device->caps());
        const Run whole = run(device, c.inputs, c.y);
        device->pace() = Pace(device->caps(), 0.02);
        const Run parts = run(device, c.inputs, c.y);
        if (c.parts) CHECK(parts.submissions > whole.submissions);
        CHECK(parts.values == whole.values);
    }
    check_silent(*device);
}
