#include "modalities/audio/griffin_lim.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <random>

#include "runtime/graph/graph.h"

namespace kiln {
namespace {

Error refusal(const std::string& text) { return {Status::usage, "Griffin-Lim: " + text}; }

// [frames, 2, bins]: the magnitudes at their first phases, drawn bin by bin.
std::vector<float> first_spectra(std::span<const float> magnitudes, int64_t frames, int64_t bins,
                                 const std::optional<uint32_t>& seed) {
    std::mt19937 generator(seed.value_or(0));
    std::vector<float> spectra(magnitudes.size() * 2);
    for (int64_t bin = 0; bin < bins; bin++)
        for (int64_t frame = 0; frame < frames; frame++) {
            double turn = 0;
            if (seed) {   // 53 bits, as numpy makes a number in [0, 1)
                const uint32_t high = uint32_t(generator()) >> 5, low = uint32_t(generator()) >> 6;
                turn = (double(high) * 67108864 + double(low)) / 9007199254740992.0;
            }
            const double phase = 2 * std::numbers::pi * turn;
            const float m = magnitudes[size_t(frame * bins + bin)];
            const size_t to = size_t(frame * 2 * bins + bin);
            spectra[to] = float(std::cos(phase)) * m;
            spectra[to + size_t(bins)] = float(std::sin(phase)) * m;
        }
    return spectra;
}

// Iterations that one run of the graph makes: they share its memory, and what lies between runs
// passes through the host.
int iterations_together(int iterations) {
    int together = std::min(iterations, 16);
    while (iterations % together) together--;
    return together;
}

// The filters [bands, bins] at length one each, and what brings bands to that.
struct UnitFilters {
    int64_t bands, bins;
    std::vector<float> values, scales;

    explicit UnitFilters(const MelOptions& o) : bands(o.bands), bins(o.bins()) {
        const std::vector<float> filters = mel_filters(o);
        for (int64_t band = 0; band < bands; band++) {
            double square = 0;
            for (int64_t bin = 0; bin < bins; bin++)
                square += std::pow(double(filters[size_t(bin * bands + band)]), 2);
            scales.push_back(square > 0 ? float(1 / std::sqrt(square)) : 0.0f);   // 0: no bin
            for (int64_t bin = 0; bin < bins; bin++)
                values.push_back(filters[size_t(bin * bands + band)] * scales.back());
        }
    }
    std::span<const float> row(int64_t band) const {
        return std::span(values).subspan(size_t(band * bins), size_t(bins));
    }

    // Inner products of filters: [bands, bands].
    std::vector<double> gram() const {
        std::vector<double> products;
        for (int64_t a = 0; a < bands; a++)
            for (int64_t b = 0; b < bands; b++)
                products.push_back(
                    std::inner_product(row(a).begin(), row(a).end(), row(b).begin(), 0.0));
        return products;
    }

    // F' (F F')^-1 as [bands, bins], by Cholesky's method; dependent filters share.
    std::vector<float> pseudo_inverse() const {
        std::vector<double> l = gram();
        const auto at = [&](int64_t i, int64_t j) -> double& { return l[size_t(i * bands + j)]; };
        for (int64_t j = 0; j < bands; j++) {
            at(j, j) += 1e-6;
            for (int64_t k = 0; k < j; k++) at(j, j) -= at(j, k) * at(j, k);
            at(j, j) = std::sqrt(std::max(at(j, j), 1e-12));
            for (int64_t i = j + 1; i < bands; i++) {
                for (int64_t k = 0; k < j; k++) at(i, j) -= at(i, k) * at(j, k);
                at(i, j) /= at(j, j);
            }
        }
        std::vector<double> x(values.begin(), values.end());
        const auto subtract = [&](int64_t from, int64_t to, double weight) {
            for (int64_t bin = 0; bin < bins; bin++)
                x[size_t(to * bins + bin)] -= weight * x[size_t(from * bins + bin)];
        };
        const auto divide = [&](int64_t row, double by) {
            for (int64_t bin = 0; bin < bins; bin++) x[size_t(row * bins + bin)] /= by;
        };
        for (int64_t i = 0; i < bands; i++) {
            for (int64_t k = 0; k < i; k++) subtract(k, i, at(i, k));
            divide(i, at(i, i));
        }
        for (int64_t i = bands - 1; i >= 0; i--) {
            for (int64_t k = i + 1; k < bands; k++) subtract(k, i, at(k, i));
            divide(i, at(i, i));
        }
        return {x.begin(), x.end()};
    }

    // The largest eigenvalue of the inner products, from above: the largest sum of a row.
    double steepest() const {
        const std::vector<double> products = gram();
        double most = 0;
        for (int64_t i = 0; i < bands; i++)
            most = std::max(most, std::accumulate(products.begin() + i * bands,
                                                  products.begin() + (i + 1) * bands, 0.0));
        return std::max(most, 1e-12);
    }
};

}   // namespace

Tensor magnitudes_of_mel(const Tensor& mel, const MelOptions& o) {
    take(check(o));
    if (mel.rank() != 3 || mel[2] != o.bands)
        model_error("magnitudes_of_mel", "takes [n, frames, bands]", {mel});
    constexpr int kIterations = 40;
    const UnitFilters filters(o);
    const Tensor f = constant({o.bands, o.bins()}, filters.values),
                 wanted = mel * constant({o.bands}, filters.scales);
    const float rate = float(1 / filters.steepest());
    Tensor x = relu(matmul(wanted, constant({o.bands, o.bins()}, filters.pseudo_inverse())));
    Tensor ahead = x;
    double t = 1;
    for (int i = 0; i < kIterations; i++) {
        const Tensor off = (matmul(ahead, f, {.transpose_b = true}) - wanted) * rate;
        const Tensor next = relu(ahead - matmul(off, f));
        const double later = (1 + std::sqrt(1 + 4 * t * t)) / 2;
        ahead = next + (next - x) * float((t - 1) / later);
        x = next, t = later;
    }
    return x;
}

PhaseEstimate griffin_lim_step(const PhaseEstimate& estimate, const Tensor& magnitudes,
                               const StftOptions& options, double momentum, int64_t samples) {
    const Tensor rebuilt = stft(istft(estimate.spectra, options, samples), options);
    const Tensor ahead = rebuilt - estimate.previous * float(momentum / (1 + momentum));
    constexpr float kTiny = 1e-16f;   // what is smaller has no phase
    const Tensor size = clamp(sqrt(sum(square(ahead), {2})), kTiny, 3e38f);
    return {ahead * (magnitudes / size), rebuilt};
}

Result<std::vector<float>> griffin_lim(const std::shared_ptr<Device>& device,
                                       std::span<const float> magnitudes, const StftOptions& o,
                                       const GriffinLimOptions& options, int64_t samples,
                                       const GriffinLimEvents& events) {
    if (o.n_fft < 2) return refusal("n_fft is even and positive");
    const int64_t bins = o.n_fft / 2 + 1, frames = int64_t(magnitudes.size()) / bins;
    if (frames == 0 || frames * bins != int64_t(magnitudes.size()))
        return refusal(std::to_string(magnitudes.size()) + " magnitudes are no whole frames of " +
                       std::to_string(bins));
    if (!std::all_of(magnitudes.begin(), magnitudes.end(),
                     [](float v) { return v >= 0 && std::isfinite(v); }))
        return refusal("a magnitude is negative or not finite");
    if (options.iterations < 1 || options.iterations > 100000)
        return refusal("there are from 1 to 100000 iterations");
    if (!(options.momentum >= 0 && std::isfinite(options.momentum)))
        return refusal("the momentum is not negative");
    const Tensor spectra = input("spectra", {1, frames, 2, bins}),
                 previous = input("previous", {1, frames, 2, bins}),
                 wanted = input("magnitudes", {1, frames, 1, bins});
    if (samples == 0) samples = istft(spectra, o)[1];
    const int together = iterations_together(options.iterations);
    PhaseEstimate estimate{spectra, previous};
    for (int i = 0; i < together; i++)
        estimate = griffin_lim_step(estimate, wanted, o, options.momentum, samples);
    Result<Graph> graph = Graph::compile(
        device, {istft(estimate.spectra, o, samples), estimate.spectra, estimate.previous});
    if (!graph) return graph.error();
    std::vector<float> now = first_spectra(magnitudes, frames, bins, options.seed),
                       before(now.size(), 0.0f), signal(static_cast<size_t>(samples));
    try {
        take(graph->write(wanted, magnitudes));
        for (int done = 0; done < options.iterations; done += together) {
            take(graph->write(spectra, now));
            take(graph->write(previous, before));
            take(graph->run(events.cancelled));
            if (events.progress) events.progress(done + together, options.iterations);
            if (done + together == options.iterations) break;
            take(graph->read(now, 1));
            take(graph->read(before, 2));
        }
        take(graph->read(signal));
    } catch (const ResultError& failure) {
        return failure.error;
    }
    return signal;
}

Result<std::vector<float>> griffin_lim_of_mel(const std::shared_ptr<Device>& device,
                                              std::span<const float> mel, const MelOptions& o,
                                              const GriffinLimOptions& options,
                                              const GriffinLimEvents& events) {
    if (auto good = check(o); !good) return good.error();
    const int64_t frames = int64_t(mel.size()) / o.bands;
    if (frames == 0 || frames * o.bands != int64_t(mel.size()))
        return refusal(std::to_string(mel.size()) + " values are no whole frames of " +
                       std::to_string(o.bands));
    std::vector<float> bands;
    for (float v : mel) {
        const float linear = o.log == MelLog::natural    ? std::exp(v)
                             : o.log == MelLog::decibels ? std::pow(10.0f, v / 10)
                                                         : v;
        if (!std::isfinite(linear)) return refusal("the spectrogram is not finite");
        bands.push_back(linear);
    }
    const Tensor x = input("mel", {1, frames, o.bands});
    const Tensor y = magnitudes_of_mel(x, o);
    Result<Graph> graph = Graph::compile(device, {o.power ? sqrt(y) : y});
    if (!graph) return graph.error();
    if (auto written = graph->write(x, bands); !written) return written.error();
    if (auto ran = graph->run(events.cancelled); !ran) return ran.error();
    Result<std::vector<float>> magnitudes = graph->read();
    if (!magnitudes) return magnitudes.error();
    // Frames from the first sample of the padding on, so that nothing need be known of what lies
    // outside.
    const StftOptions transform{
        .n_fft = o.n_fft, .hop = o.hop, .window = hann_window(o.window), .center = false};
    Result<std::vector<float>> signal =
        griffin_lim(device, *magnitudes, transform, options, 0, events);
    if (!signal) return signal.error();
    signal->erase(signal->begin(), signal->begin() + o.padding);
    signal->resize(size_t(frames * o.hop), 0.0f);
    return signal;
}

}   // namespace kiln
