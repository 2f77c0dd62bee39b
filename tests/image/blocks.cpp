// The residual block of U-Nets: what fusion leaves of it.
#include <catch2/catch_test_macros.hpp>

#include "modalities/latent/blocks.h"
#include "runtime/graph/graph.h"
#include "tests/image/models.h"
#include "tests/support/device.h"
#include "tests/support/matchers.h"
#include "tests/support/retuned.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// As in a U-Net: from 64 channels to 96, with a time embedding of 32.
struct Block {
    TemporaryFolder folder{"block"};
    std::shared_ptr<Device> device = test_device();
    Tensor x = input("x", {2, 16, 16, 64}), t = input("t", {2, 32}), y;

    Block() {
        const std::vector<std::pair<std::string, Shape>> shapes = {
            {"norm1.weight", {64}},
            {"norm1.bias", {64}},
            {"conv1.weight", {96, 64, 3, 3}},
            {"conv1.bias", {96}},
            {"time_emb_proj.weight", {96, 32}},
            {"time_emb_proj.bias", {96}},
            {"norm2.weight", {96}},
            {"norm2.bias", {96}},
            {"conv2.weight", {96, 96, 3, 3}},
            {"conv2.bias", {96}},
            {"conv_shortcut.weight", {96, 64, 1, 1}},
            {"conv_shortcut.bias", {96}}};
        std::vector<std::vector<float>> values;
        std::vector<TensorToWrite> tensors;
        for (const auto& [name, shape] : shapes) values.push_back(weight(name, shape));
        for (size_t i = 0; i < shapes.size(); i++)
            tensors.push_back({shapes[i].first, DType::f32, shapes[i].second,
                               std::as_bytes(std::span(values[i]))});
        const std::string file = (folder.path / "block.safetensors").string();
        take(write_safetensors(file, tensors));
        Weights weights(device, std::make_shared<TensorFiles>(take(TensorFiles::open(file))));
        y = ResBlock(weights, 64, 96, 32, 32, 1e-5f)(x, t);
    }

    Graph compile(bool fuse) const { return take(Graph::compile(device, {y}, {.fuse = fuse})); }
    std::vector<float> values(Graph& graph) const {
        take(graph.write(x, noise("x", x.shape().count(), 2)));
        take(graph.write(t, noise("t", t.shape().count(), 1)));
        take(graph.run());
        return take(graph.read());
    }
};

// Bytes that the launches read and write.
double moved(const Graph& graph) {
    double bytes = 0;
    for (const LaunchReport& launch : graph.launches()) bytes += launch.work.bytes;
    return bytes;
}

}   // namespace

TEST_CASE("a residual block is nine launches, or seven that normalise what they load", "[gpu]") {
    Block block;
    Tuning apart_norms = Tuning::only("conv.direct"), in_loads = apart_norms;
    apart_norms.set("norm.load", {0, {}});
    in_loads.set("norm.load", {1e30, {}});
    Retuned retuned(block.device, apart_norms);
    Graph apart = block.compile(false), fused = block.compile(true);
    block.device->set_tuning(in_loads);
    Graph loads = block.compile(true);
    INFO(fused.dump());
    CHECK(apart.stats().launches == 14);
    // Statistics, factors and application of the first norm; two and one of the second, whose
    // statistics come with the convolution; two convolutions, time embedding and shortcut.
    CHECK(fused.stats().launches == 9);
    CHECK(loads.stats().launches == 7);
    CHECK(moved(fused) < 0.75 * moved(apart));
    CHECK(moved(loads) < 0.8 * moved(fused));
    const std::vector<float> expected = block.values(apart);
    CHECK(difference(block.values(fused), expected, 1e-5) == "");
    CHECK(difference(block.values(loads), expected, 1e-5) == "");
    check_silent(*block.device);
}
