#include "modalities/audio/distance.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "modalities/audio/mel.h"
#include "runtime/graph/graph.h"

namespace kiln {
namespace {

struct Resolution {
    int n_fft, hop, window;
};

constexpr float kFloor = 1e-5f;   // of magnitudes; full scale is in the hundreds

// Calls each(a, b) with the magnitudes of every frame of both sounds.
void for_each_frame(
    const std::shared_ptr<Device>& device, std::span<const float> a, std::span<const float> b,
    const Resolution& r,
    const std::function<void(std::span<const float>, std::span<const float>)>& each) {
    const int64_t count = int64_t(std::min(a.size(), b.size())), bins = r.n_fft / 2 + 1;
    const int64_t frames = std::max<int64_t>(0, count - r.n_fft) / r.hop + 1;
    const int64_t together = std::min<int64_t>(frames, std::max(1, (1 << 18) / r.hop));
    const int64_t reach = (together - 1) * r.hop + r.n_fft;
    const Tensor x = input("samples", {2, reach});
    const StftOptions o{
        .n_fft = r.n_fft, .hop = r.hop, .window = hann_window(r.window), .center = false};
    Graph graph = take(Graph::compile(device, {magnitude(stft(x, o))}));
    std::vector<float> part(size_t(2 * reach));
    for (int64_t done = 0; done < frames; done += together) {
        std::fill(part.begin(), part.end(), 0.0f);
        const int64_t from = done * r.hop, known = std::min(reach, count - from);
        std::copy_n(a.begin() + from, known, part.begin());
        std::copy_n(b.begin() + from, known, part.begin() + reach);
        take(graph.write(x, part));
        take(graph.run());
        std::vector<float> values = take(graph.read());
        for (float& v : values) v = std::max(v, kFloor);
        const std::span<const float> all(values);
        for (int64_t f = 0; f < std::min(together, frames - done); f++)
            each(all.subspan(size_t(f * bins), size_t(bins)),
                 all.subspan(size_t((together + f) * bins), size_t(bins)));
    }
}

bool finite(std::span<const float> values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}   // namespace

Result<SoundDistance> sound_distance(const std::shared_ptr<Device>& device,
                                     std::span<const float> sound,
                                     std::span<const float> reference) try {
    if (sound.empty() || reference.empty() || !finite(sound) || !finite(reference))
        return Error{Status::usage,
                     "two sounds are compared that have samples, all of them finite"};
    SoundDistance distance;
    double sum = 0;
    int64_t count = 0;
    for_each_frame(device, sound, reference, {1024, 256, 1024}, [&](auto x, auto y) {
        double square = 0;
        for (size_t i = 0; i < x.size(); i++)
            square += std::pow(20 * std::log10(double(x[i]) / double(y[i])), 2);
        sum += std::sqrt(square / double(x.size()));
        count++;
    });
    distance.log_spectral = sum / double(count);
    constexpr Resolution kResolutions[] = {{1024, 120, 600}, {2048, 240, 1200}, {512, 50, 240}};
    for (const Resolution& r : kResolutions) {
        double difference = 0, size = 0, logs = 0, values = 0;
        for_each_frame(device, sound, reference, r, [&](auto x, auto y) {
            for (size_t i = 0; i < x.size(); i++) {
                difference += std::pow(double(y[i]) - double(x[i]), 2);
                size += std::pow(double(y[i]), 2);
                logs += std::abs(std::log(double(y[i]) / double(x[i])));
            }
            values += double(x.size());
        });
        distance.multi_resolution += (std::sqrt(difference / size) + logs / values) / 3;
    }
    return distance;
} catch (const ResultError& failure) {
    return failure.error;
}

}   // namespace kiln
