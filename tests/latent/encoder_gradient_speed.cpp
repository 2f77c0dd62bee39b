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

struct Size {
    int images, side;
    bool less_memory = false;
};

struct Setup {
    std::string name;
    std::shared_ptr<Device> device;
    Weights& weights;
    const VaeConfig& config;

    Pullback pullback_of(const Tensor& pictures, const Size& size) const {
        const Tensor moments = VaeEncoder(weights, config)(pictures);
        const auto inside_block = [](const Tensor& t) {
            return t.path().find("norm1") != std::string::npos ||
                   t.path().find("conv1") != std::string::npos;
        };
        const Tensor mean = slice(moments, 3, 0, config.latent_channels);
        if (!size.less_memory) return take(pullback(*device, mean, {pictures}));
        return take(pullback(*device, mean, {pictures}, inside_block));
    }
    void print(const Size& size) const {
        std::printf("%s %dx%d, %d at a time%s: ", name.c_str(), size.side, size.side, size.images,
                    size.less_memory ? ", less memory" : "");
    }
};

double mebibytes(uint64_t bytes) { return double(bytes) / (1 << 20); }

void measure_memory(const Setup& setup, const Size& size) {
    const Tensor pictures = input("pictures", {size.images, size.side, size.side, 3});
    const Pullback both = setup.pullback_of(pictures, size);
    setup.print(size);
    std::printf("kept %.1f MiB, beside that %.1f and %.1f MiB\n", mebibytes(both.kept_bytes),
                mebibytes(Graph::needs(*setup.device, both.forward).values - both.kept_bytes),
                mebibytes(Graph::needs(*setup.device, both.backward).values));
}

void measure(const Setup& setup, const Size& size, int runs) {
    const Tensor pictures = input("pictures", {size.images, size.side, size.side, 3});
    const Pullback both = setup.pullback_of(pictures, size);
    const auto workspace = std::make_shared<Workspace>(setup.device);
    const GraphOptions options{.timed = true, .workspace = workspace};
    Graph forward = take(Graph::compile(setup.device, both.forward, options)),
          backward = take(Graph::compile(setup.device, both.backward, options));
    take(forward.write(pictures, noise("picture", pictures.shape().count())));
    take(backward.write(both.d_y, noise("cotangent", both.d_y.shape().count())));
    const double there = timed(forward, runs), back = timed(backward, runs);
    setup.print(size);
    std::printf(
        "forward %.3f s, backward %.3f s of cores, %.2f times; kept %.1f MiB, beside that %.1f "
        "and %.1f MiB\n",
        there, back, back / there, mebibytes(both.kept_bytes),
        mebibytes(forward.stats().intermediate_bytes),
        mebibytes(backward.stats().intermediate_bytes));
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
    const Setup setup{"trained", device, weights, config};
    for (const int images : {1, 4}) measure(setup, {images, 128}, 3);
    for (const bool less : {false, true}) measure_memory(setup, {1, 1024, less});
}

TEST_CASE("the speed of Stable Diffusion's encoder and of its gradient", "[.bench]") {
    const FullSize full("image", "vae", bare_device());
    const VaeConfig config = take(parse_vae_config(full.config()));
    Weights weights = full.weights({.storage = Storage::f32});
    const Setup setup{"full", full.device, weights, config};
    for (const bool less_memory : {false, true}) {
        measure(setup, {1, 256, less_memory}, 1);
        measure_memory(setup, {1, 512, less_memory});
    }
}
