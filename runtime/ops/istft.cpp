// The signal whose short-time Fourier transform comes closest to a given one: Griffin and Lim.
// Signal Estimation from Modified Short-Time Fourier Transform. 1984, equation 6.
#include "kernels/istft.h"

#include <algorithm>

#include "kernels/overlap_add.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/fourier.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// Spectra [n, frames, 2, bins] to windowed frames [n, frames, n_fft].
Tensor frames_by_matrix(const Tensor& x, const StftOptions& o) {
    const int64_t bins = o.n_fft / 2 + 1;
    const std::vector<float> taper = taper_of(o), roots = unit_roots(o.n_fft);
    std::vector<float> matrix(size_t(2 * bins * o.n_fft));
    for (int64_t k = 0; k < bins; k++) {
        const bool alone = k == 0 || k == o.n_fft / 2;   // others stand for two
        for (int64_t t = 0; t < o.n_fft; t++) {
            const size_t root = size_t(t * k % o.n_fft), to = size_t(k * o.n_fft + t);
            const float weight = taper[size_t(t)] * (alone ? 1.0f : 2.0f) / float(o.n_fft);
            matrix[to] = weight * roots[2 * root];
            matrix[to + size_t(bins * o.n_fft)] = alone ? 0 : weight * roots[2 * root + 1];
        }
    }
    return matmul(reshape(x, {x[0], x[1], 2 * bins}), constant({2 * bins, o.n_fft}, matrix));
}

class InverseFramesOp : public Op {
public:
    InverseFramesOp(StftOptions options, FourierPasses passes)
        : options_(std::move(options)), passes_(passes) {}
    std::string_view name() const override { return "istft"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::istft;
        const Caps& caps = lowering.caps();
        const Tensor& x = node.inputs[0];
        const uint64_t in_row = uint64_t(2 * x[3] * 4), out_row = uint64_t(out[2] * 4);
        for (Band band :
             bands(caps, uint64_t(out[0] * out[1]), {{in_row, in_row}, {out_row, out_row}})) {
            const uint64_t count = band.end - band.begin;
            const Window from =
                window(caps, lowering.operand(x), band.begin * in_row, count * in_row, 4);
            const Window to =
                window(caps, lowering.operand(out), band.begin * out_row, count * out_row, 8);
            lowering.launch(
                launch(Variant::main,
                       {.x = from.operand,
                        .roots = lowering.operand(node.inputs[1]),
                        .taper = lowering.operand(node.inputs[2]),
                        .y = to.operand},
                       {.count = uint32_t(count), .x_base = from.base, .y_base = to.base},
                       {.local_x = passes_.local(caps),
                        .points = passes_.points,
                        .radices = passes_.radices,
                        .passes = passes_.passes},
                       fold(caps, count)));
        }
    }

    Tensor composition(const Node& node) const override {
        return frames_by_matrix(node.inputs[0], options_);
    }

private:
    StftOptions options_;
    FourierPasses passes_;
};

// Windowed frames [n, frames, n_fft] to signals [n, samples].
class OverlapAddOp : public Op {
public:
    OverlapAddOp(StftOptions options, int64_t samples)
        : options_(std::move(options)), samples_(samples) {}
    std::string_view name() const override { return "overlap_add"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Caps& caps = lowering.caps();
        const Tensor& x = node.inputs[0];
        const uint64_t samples = uint64_t(out[1]), hop = uint64_t(options_.hop);
        if (x.bytes() <= caps.binding_range && out.bytes() <= caps.binding_range)
            return launch_part(lowering, node, out, 0, uint64_t(out[0]), {0, samples});
        const uint64_t row = uint64_t(x[2] * 4), reach = uint64_t(x[2]) / hop + 2;
        for (uint64_t signal = 0; signal < uint64_t(out[0]); signal++)
            for (Band hops :
                 bands(caps, (samples + hop - 1) / hop, {{hop * 4, hop * 4}, {row, reach * row}}))
                launch_part(lowering, node, out, signal, 1,
                            {hops.begin * hop, std::min(hops.end * hop, samples)});
    }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        const int64_t hop = options_.hop, taps = (x[2] + hop - 1) / hop, samples = samples_,
                      skipped = skipped_samples(options_);
        const Tensor hops =
            reshape(pad(x, {{0, 0}, {0, 0}, {0, int(taps * hop - x[2])}}), {x[0], x[1], taps, hop});
        Tensor sum;
        for (int tap = 0; tap < taps; tap++) {
            const Tensor part = reshape(slice(hops, 2, tap, tap + 1), {x[0], x[1], hop});
            const Tensor moved = pad(part, {{0, 0}, {tap, int(taps) - 1 - tap}, {0, 0}});
            sum = sum ? sum + moved : moved;
        }
        Tensor y = reshape(sum, {x[0], -1});
        y = pad(y, {{0, 0}, {0, int(std::max<int64_t>(0, skipped + samples - y[1]))}});
        return slice(y, 1, skipped, skipped + samples) * constant({1, samples}, weights(x[1]));
    }

private:
    // One over the sum of squared windows at each sample.
    std::vector<float> weights(int64_t frames) const {
        const std::vector<float> taper = taper_of(options_);
        std::vector<double> sums(size_t(frames * options_.hop + options_.n_fft + samples_), 0.0);
        for (int64_t frame = 0; frame < frames; frame++)
            for (size_t i = 0; i < taper.size(); i++)
                sums[size_t(frame * options_.hop) + i] += double(taper[i]) * taper[i];
        std::vector<float> result;
        for (int64_t i = 0; i < samples_; i++) {
            const double sum = sums[size_t(i + skipped_samples(options_))];
            result.push_back(sum > 1e-11 ? float(1 / sum) : 1.0f);
        }
        return result;
    }

    void launch_part(Lowering& lowering, const Node& node, const Tensor& out, uint64_t signal,
                     uint64_t signals, Band samples) const {
        using namespace kernels::overlap_add;
        const Caps& caps = lowering.caps();
        const Tensor& x = node.inputs[0];
        const uint64_t size = uint64_t(x[2]), hop = uint64_t(options_.hop), all = uint64_t(x[1]),
                       count = signals * (samples.end - samples.begin);
        // Frames that cover these samples, and sample 0 as the first of those sees it.
        const uint64_t skipped = uint64_t(skipped_samples(options_));
        const uint64_t begin = samples.begin + skipped, end = samples.end + skipped;
        const uint64_t low = std::min(begin < size ? 0 : (begin - size) / hop + 1, all - 1),
                       high = std::clamp((end - 1) / hop + 1, low + 1, all);
        const bool whole = signals > 1;
        const uint64_t first = whole ? 0 : low, frames = whole ? all : high - low;
        const Window from = window(caps, lowering.operand(x), (signal * all + first) * size * 4,
                                   signals * frames * size * 4, 4);
        const Window to = window(caps, lowering.operand(out),
                                 (signal * uint64_t(out[1]) + samples.begin) * 4, count * 4, 4);
        const Spread s = spread(caps, count);
        lowering.launch(
            launch(Variant::main,
                   {.x = from.operand, .taper = lowering.operand(node.inputs[1]), .y = to.operand},
                   {.count = uint32_t(count),
                    .chunk = s.chunk,
                    .samples = uint32_t(samples.end - samples.begin),
                    .frames = uint32_t(frames),
                    .size = uint32_t(size),
                    .hop = uint32_t(hop),
                    .skipped = uint32_t(begin - first * hop),
                    .x_base = from.base,
                    .y_base = to.base},
                   {.local_x = s.local}, s.grid));
    }

    StftOptions options_;
    int64_t samples_;
};

}   // namespace

Tensor istft(const Tensor& x, const StftOptions& o, int64_t samples) {
    require_float("istft", x);
    check_options("istft", o, x);
    if (x.rank() != 4 || x[1] < 1 || x[2] != 2 || x[3] != o.n_fft / 2 + 1)
        model_error("istft", "takes [n, frames, 2, n_fft / 2 + 1]", {x});
    const int64_t natural = (x[1] - 1) * o.hop + (o.center ? 0 : o.n_fft);
    if (samples < 0 || (samples == 0 && natural < 1))
        model_error("istft", "there is no sample to compute", {x});
    if (samples == 0) samples = natural;
    const Tensor spectra = cast(x, DType::f32), taper = constant({o.n_fft}, taper_of(o));
    const auto passes = fourier_passes(o.n_fft);
    const Tensor frames =
        passes ? compute(std::make_shared<InverseFramesOp>(o, *passes),
                         {spectra, constant({o.n_fft, 2}, unit_roots(o.n_fft)), taper},
                         {x[0], x[1], o.n_fft}, DType::f32)
               : frames_by_matrix(spectra, o);
    return compute(std::make_shared<OverlapAddOp>(o, samples), {frames, taper}, {x[0], samples},
                   DType::f32);
}

}   // namespace kiln
