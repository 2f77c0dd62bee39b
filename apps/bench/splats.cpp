#include "apps/bench/splats.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <ctime>
#include <map>
#include <random>

#include "modalities/splat/raster/rasteriser.h"
#include "runtime/kernel/kernel.h"

namespace kiln::bench {
namespace {

using Row = nlohmann::ordered_json;

struct Size {
    int splats, width, height;
    std::string name() const {
        return std::to_string(splats) + " splats " + std::to_string(width) + "x" +
               std::to_string(height);
    }
};

// A ball that fills most of the picture, of splats that are a few pixels wide.
Splats ball(int count) {
    std::mt19937 random(1);
    const auto normal = [&] {   // nearly, and the same with every standard library
        double sum = -6;
        for (int i = 0; i < 12; i++) sum += double(random()) / 4294967296.0;
        return float(sum);
    };
    Splats splats = make_splats(size_t(count), 0);
    const float scale = std::log(0.4f / std::cbrt(float(count)));
    for (float& v : splats.means) v = 0.45f * normal();
    for (float& v : splats.log_scales) v = scale + 0.3f * normal();
    for (float& v : splats.quaternions) v = normal();
    for (float& v : splats.logits) v = normal() - 1;
    for (float& v : splats.sh) v = normal();
    return splats;
}

View front(const Size& size) {
    View view;
    view.camera.translation = {0, 0, 3};
    view.camera.fx = view.camera.fy = 1.2f * float(std::min(size.width, size.height));
    view.camera.cx = float(size.width) / 2, view.camera.cy = float(size.height) / 2;
    return view;
}

// Bytes that the kernels of both passes move, by their names: splats of degree 0, digits of four
// bits, records of 64 bytes, 13 sums a pair, which atomics read and write where they are added.
std::map<std::string, double> traffic_of(const Size& size, double pairs, Summation summation) {
    const double n = size.splats, pixels = double(size.width) * size.height;
    const uint32_t tiles = div_up(size.width, 16) * div_up(size.height, 16);
    const double added = summation == Summation::atomics;
    const double digits = (std::bit_width(tiles) + 3) / 4;
    const double sorted = 8 * n + digits * pairs, histograms = sorted / 1024 * 16 * 4;
    return {{"splat_project", n * (14 * 4 + 64 + 8)},
            {"sort_count", sorted * 4 + histograms},
            {"sort_scatter", sorted * 16 + histograms},
            {"scan", n * 8 + 2 * histograms},
            {"scan_sums", n * 4 + histograms},
            {"splat_bin", n * (2 * (4 + 64) + 8) + pairs * 12},
            {"splat_ranges", tiles * 8.0},
            {"splat_composite", pairs * (8 + 64) + pixels * 48},
            {"splat_composite_backward",
             pairs * (8 + 64) + (added ? 2 * n : pairs) * 52 + pixels * (48 + 32)},
            {"splat_project_backward", (added ? 2 * n : pairs) * 52 + n * (14 * 4 + 15 * 4 + 8)},
            {"splat_parts", tiles * 24.0},
            {"splat_camera", n / 128 * 48}};
}

class Drawing {
public:
    Drawing(const std::shared_ptr<Device>& device, const Size& size, Summation summation,
            bool timed)
        : view_(front(size)),
          rasteriser_(take(Rasteriser::create(device, {.width = size.width,
                                                       .height = size.height,
                                                       .splats = uint32_t(size.splats),
                                                       .summation = summation,
                                                       .timed = timed}))) {
        take(rasteriser_.write(ball(size.splats)));
        take(rasteriser_.draw(view_));
        const std::vector<float> slopes(rasteriser_.image().size() / 4, 1.0f);
        take(rasteriser_.differentiate(slopes));   // warm
    }
    void forward() { take(rasteriser_.draw(view_)); }
    void backward() { take(rasteriser_.differentiate()); }
    const Rasteriser& rasteriser() const { return rasteriser_; }

private:
    View view_;
    Rasteriser rasteriser_;
};

double median(std::vector<double> values) {
    auto middle = values.begin() + ptrdiff_t(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

struct Times {
    std::vector<double> wall, cpu;   // milliseconds: of the clock, and of all threads here

    void measure(const std::function<void()>& run) {
        const std::clock_t worked = std::clock();
        const auto begin = std::chrono::steady_clock::now();
        run();
        const std::chrono::duration<double, std::milli> took =
            std::chrono::steady_clock::now() - begin;
        wall.push_back(took.count());
        cpu.push_back(double(std::clock() - worked) * 1e3 / CLOCKS_PER_SEC);
    }
};

bool is_backward(const std::string& kernel) {
    return kernel.ends_with("_backward") || kernel == "splat_camera" || kernel == "splat_parts";
}

struct Measured {
    Summation summation = Summation::gather;
    double forward = 0, backward = 0;   // milliseconds
    double forward_cpu = 0, backward_cpu = 0;
    uint32_t pairs = 0;
    uint64_t sums = 0;                // bytes
    std::vector<std::string> order;   // of the kernels
    std::map<std::string, double> kernels;
    std::map<std::string, int> calls;
};

void time_passes(Measured& m, const std::shared_ptr<Device>& device, const Size& size, int steps,
                 const std::function<bool()>& cancelled) {
    Drawing drawing(device, size, m.summation, false);
    Times forward, backward;
    for (int i = 0; i < steps && !(cancelled && cancelled()); i++) {
        forward.measure([&] { drawing.forward(); });
        backward.measure([&] { drawing.backward(); });
    }
    if (forward.wall.empty()) return;
    m.forward = median(forward.wall), m.backward = median(backward.wall);
    m.forward_cpu = median(forward.cpu), m.backward_cpu = median(backward.cpu);
    m.pairs = drawing.rasteriser().pairs(), m.sums = drawing.rasteriser().sums_bytes();
}

void time_kernels(Measured& m, const std::shared_ptr<Device>& device, const Size& size, int steps,
                  const std::function<bool()>& cancelled) {
    if (device->caps().timestamp_ns <= 0) return;
    Drawing drawing(device, size, m.summation, true);
    std::map<std::string, std::vector<double>> times;
    for (int i = 0; i < steps && !(cancelled && cancelled()); i++) {
        drawing.forward(), drawing.backward();
        std::map<std::string, double> sums;
        m.calls.clear();
        for (const Rasteriser::Timing& t : drawing.rasteriser().times()) {
            const std::string name(t.kernel);
            if (times.find(name) == times.end() && sums.find(name) == sums.end())
                m.order.push_back(name);
            sums[name] += t.milliseconds, m.calls[name]++;
        }
        for (const auto& [name, sum] : sums) times[name].push_back(sum);
    }
    for (const auto& [name, values] : times) m.kernels[name] = median(values);
}

void report(const Measured& m, const Size& size, const Peaks& peaks, const std::string& device,
            const std::function<void(const Row&)>& each) {
    const std::map<std::string, double> traffic = traffic_of(size, m.pairs, m.summation);
    const bool added = m.summation == Summation::atomics;
    const auto row = [&](const std::string& what, double ms, double bytes) {
        return Row{{"bench", "splat"},
                   {"case", what + (added ? " by atomics, " : ", ") + size.name()},
                   {"dtype", "f32"},
                   {"device", device},
                   {"ms", ms},
                   {"gbs", bytes / ms / 1e6},
                   {"share", bytes / peaks.copy / ms / 1e6}};
    };
    double bytes[2] = {}, all[2] = {};
    for (const auto& [name, moved] : traffic) bytes[is_backward(name)] += moved;
    for (const auto& [name, ms] : m.kernels) all[is_backward(name)] += ms;
    for (bool backward : {false, true}) {
        if (added && !backward) continue;   // drawn as ever
        const double ms = backward ? m.backward : m.forward;
        Row r = row(backward ? "backward" : "forward", ms, bytes[backward]);
        r["frames"] = 1e3 / ms, r["splats"] = size.splats / ms / 1e3;
        r["cpu_ms"] = backward ? m.backward_cpu : m.forward_cpu;
        r["pairs"] = m.pairs;
        if (backward) r["sums"] = m.sums;
        each(r);
    }
    for (const std::string& name : m.order) {
        if (added && !is_backward(name)) continue;
        const double ms = m.kernels.at(name);
        Row r = row(name, ms, traffic.at(name));
        r["calls"] = m.calls.at(name);
        r["part"] = ms / all[is_backward(name)];
        each(r);
    }
}

}   // namespace

Result<void> run_splats(const std::shared_ptr<Device>& device, const SplatOptions& options,
                        const Peaks& peaks, const std::function<void(const Row&)>& each,
                        const std::function<bool()>& cancelled) try {
    std::vector<int> counts = options.counts;
    if (counts.empty()) counts = {10000, 100000, 1000000};
    std::vector<std::pair<int, int>> pictures = {{512, 512}, {1024, 1024}};
    if (options.width) pictures = {{options.width, options.height}};
    for (const auto& [width, height] : pictures)
        for (int count : counts) {
            const Size size{count, width, height};
            if (count < 1) return Error{Status::usage, "at least one splat is drawn"};
            for (Summation summation : {Summation::gather, Summation::atomics}) {
                if (summation == Summation::atomics && !device->caps().float_atomics) continue;
                Measured measured{.summation = summation};
                time_passes(measured, device, size, options.steps, cancelled);
                time_kernels(measured, device, size, options.steps, cancelled);
                if (cancelled && cancelled()) return Error{Status::interrupted, "interrupted"};
                report(measured, size, peaks, device->caps().device, each);
            }
        }
    return {};
} catch (const ResultError& e) {
    return e.error;
}

}   // namespace kiln::bench
