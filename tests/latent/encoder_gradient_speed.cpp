// Not a test: how long the encoder takes, and its gradient. test_latent "[.bench]"
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <ctime>
#include <map>

#include "modalities/latent/vae.h"
#include "runtime/graph/graph.h"
#include "runtime/ops/ops.h"
#include "runtime/ops/pullback.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// Seconds of all cores, which a busy machine does not change: a driver that computes on them takes
// this much.
double timed(Graph& graph, int runs) {
    double best = 1e9;
    for (int i = 0; i < runs; i++) {
        const std::clock_t clock = std::clock();
        take(graph.run());
        best = std::min(best, double(std::clock() - clock) / double(CLOCKS_PER_SEC));
    }
    return best;
}

void print_kernels(const Graph& graph) {
    std::map<std::string, double> by_kernel;
    double all = 0;
    const std::vector<LaunchReport> launches = graph.launches();
    const std::vector<KernelTime> times = graph.times();
    for (size_t i = 0; i < times.size(); i++) {
        by_kernel[std::string(launches[i].variant)] += times[i].milliseconds;
        all += times[i].milliseconds;
    }
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [name, took] : by_kernel) sorted.push_back({took, name});
    std::sort(sorted.rbegin(), sorted.rend());
    for (const auto& [took, name] : sorted)
        if (took > 0.01 * all) std::printf("  %5.1f %% %s\n", 100 * took / all, name.c_str());
}

void measure(const std::string& name, const std::shared_ptr<Device>& device, Weights& weights,
             const VaeConfig& config, int images, int side, int runs) {
    const Tensor pictures = input("pictures", {images, side, side, 3});
    const Tensor mean = slice(VaeEncoder(weights, config)(pictures), 3, 0, config.latent_channels);
    const Pullback both = take(pullback(*device, mean, {pictures}));
    const auto workspace = std::make_shared<Workspace>(device);
    const GraphOptions options{.timed = true, .workspace = workspace};
    Graph forward = take(Graph::compile(device, both.forward, options)),
          backward = take(Graph::compile(device, both.backward, options));
    take(forward.write(pictures, noise("picture", pictures.shape().count())));
    take(backward.write(both.d_y, noise("cotangent", both.d_y.shape().count())));
    const double there = timed(forward, runs), back = timed(backward, runs);
    std::printf(
        "%s %dx%d, %d at a time: forward %.3f s, backward %.3f s of cores, %.2f times; "
        "kept %.1f MiB, besides %.1f and %.1f MiB\n",
        name.c_str(), side, side, images, there, back, back / there,
        double(both.kept_bytes) / (1 << 20), double(forward.stats().intermediate_bytes) / (1 << 20),
        double(backward.stats().intermediate_bytes) / (1 << 20));
    print_kernels(forward);
    std::printf("  backward:\n");
    print_kernels(backward);
}

std::shared_ptr<Device> bare_device() {
    DeviceOptions options = device_options("");
    options.validation = false;
    return open_device(options);
}

}   // namespace

TEST_CASE("the speed of the encoder that comes with Kiln and of its gradient", "[.bench]") {
    const auto device = bare_device();
    const fs::path folder = fs::path(KILN_SOURCE_DIR) / "modalities/image/default/vae";
    const auto json = take(read_json((folder / "config.json").string()));
    const VaeConfig config = take(parse_vae_config({json, "config.json"}));
    const std::string file = (folder / "diffusion_pytorch_model.safetensors").string();
    Weights weights(device, std::make_shared<TensorFiles>(take(TensorFiles::open(file))));
    measure("trained", device, weights, config, 1, 128, 3);
    measure("trained", device, weights, config, 4, 128, 3);
}

TEST_CASE("the speed of Stable Diffusion's encoder and of its gradient", "[.bench]") {
    const FullSize full("image", "vae", bare_device());
    const VaeConfig config = take(parse_vae_config(full.config()));
    Weights weights = full.weights({.storage = Storage::f32});
    measure("full", full.device, weights, config, 1, 256, 1);
}
