// The short-time Fourier transform of Gabor. Theory of Communication. 1946, as torch.stft lays it
// out.
#include "kernels/stft.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/ops/checks.h"
#include "runtime/ops/fourier.h"
#include "runtime/ops/spread.h"

namespace kiln {

std::vector<float> hann_window(int length) {
    std::vector<float> window(size_t(std::max(length, 0)));
    for (size_t i = 0; i < window.size(); i++)
        window[i] = float(0.5 - 0.5 * std::cos(2 * std::numbers::pi * double(i) / length));
    return window;
}

std::optional<FourierPasses> fourier_passes(int64_t size) {
    constexpr int64_t kShared = 16384, kBytes = 16;   // of a value, before and after a pass
    FourierPasses plan{.points = uint32_t(size / 2)};
    if (size < 4 || plan.points * kBytes > kShared) return std::nullopt;
    uint32_t rest = plan.points;
    for (uint32_t radix : {8u, 4u, 2u, 7u, 5u, 3u})
        for (; rest % radix == 0; rest /= radix) plan.radices |= radix << 4 * plan.passes++;
    return rest == 1 ? std::optional(plan) : std::nullopt;
}

std::vector<float> unit_roots(int64_t size) {
    std::vector<float> roots;
    for (int64_t k = 0; k < size; k++) {
        const double angle = 2 * std::numbers::pi * double(k) / double(size);
        roots.push_back(float(std::cos(angle)));
        roots.push_back(float(-std::sin(angle)));
    }
    return roots;
}

std::vector<float> taper_of(const StftOptions& o) {
    const std::vector<float> window = o.window.empty() ? hann_window(o.n_fft) : o.window;
    std::vector<float> taper(size_t(o.n_fft), 0.0f);
    std::copy(window.begin(), window.end(), taper.begin() + (o.n_fft - int(window.size())) / 2);
    return taper;
}

void check_options(std::string_view op, const StftOptions& o, const Tensor& x) {
    constexpr int kLargest = 4096;   // of a transform by matrix
    if (o.n_fft < 2 || o.n_fft % 2 || (o.n_fft > kLargest && !fourier_passes(o.n_fft)))
        model_error(op, "n_fft is even, from 2 to 4096, not " + std::to_string(o.n_fft), {x});
    if (o.hop < 1) model_error(op, "hop is positive, not " + std::to_string(o.hop), {x});
    if (o.window.size() > size_t(o.n_fft))
        model_error(op, "the window is longer than n_fft = " + std::to_string(o.n_fft), {x});
}

namespace {

// By the matrix of the transform: a convolution whose channels are the samples of a hop.
Tensor stft_by_matrix(const Tensor& x, const StftOptions& o) {
    const int64_t before = skipped_samples(o), bins = o.n_fft / 2 + 1;
    Tensor padded = pad(x, {{0, 0}, {int(before), int(before)}}, o.pad);
    const int64_t frames = (padded[1] - o.n_fft) / o.hop + 1;
    const int64_t taps = (o.n_fft + o.hop - 1) / o.hop, needed = (frames - 1 + taps) * o.hop;
    if (padded[1] > needed) padded = slice(padded, 1, 0, needed);
    padded = pad(padded, {{0, 0}, {0, int(needed - padded[1])}});
    const std::vector<float> taper = taper_of(o), roots = unit_roots(o.n_fft);
    std::vector<float> matrix(size_t(taps * o.hop * 2 * bins), 0.0f);
    for (int64_t t = 0; t < o.n_fft; t++)
        for (int64_t k = 0; k < bins; k++) {
            const size_t root = size_t(t * k % o.n_fft), to = size_t(t * 2 * bins + k);
            matrix[to] = taper[size_t(t)] * roots[2 * root];
            matrix[to + size_t(bins)] = taper[size_t(t)] * roots[2 * root + 1];
        }
    const Tensor y = conv(reshape(padded, {x[0], needed / o.hop, o.hop}),
                          constant({taps, o.hop, 2 * bins}, matrix));
    return reshape(y, {x[0], frames, 2, bins});
}

// A run of frames of some signals: of all, or of one where a binding does not reach over more.
struct Part {
    uint64_t signal, signals, begin, end;
};

class StftOp : public Op {
public:
    StftOp(StftOptions options, FourierPasses passes)
        : options_(std::move(options)), passes_(passes) {}
    std::string_view name() const override { return "stft"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Tensor& x = node.inputs[0];
        const uint64_t range = lowering.caps().binding_range, row = frame_bytes(out),
                       signals = uint64_t(out[0]), frames = uint64_t(out[1]);
        if (x.bytes() <= range && out.bytes() <= range)
            return launch_part(lowering, node, out, {0, signals, 0, frames});
        const Reach samples{uint64_t(options_.hop) * 4, uint64_t(options_.n_fft) * 2 * 4};
        for (uint64_t signal = 0; signal < signals; signal++)
            for (Band band : bands(lowering.caps(), frames, {{row, row}, samples}))
                launch_part(lowering, node, out, {signal, 1, band.begin, band.end});
    }

    Tensor composition(const Node& node) const override {
        return stft_by_matrix(node.inputs[0], options_);
    }

private:
    static uint64_t frame_bytes(const Tensor& out) { return uint64_t(2 * out[3] * 4); }

    void launch_part(Lowering& lowering, const Node& node, const Tensor& out,
                     const Part& part) const {
        using namespace kernels::stft;
        const Caps& caps = lowering.caps();
        const int64_t samples = node.inputs[0][1], hop = options_.hop, n_fft = options_.n_fft;
        const uint64_t row = frame_bytes(out), count = part.signals * (part.end - part.begin);
        const int64_t begin = int64_t(part.begin) * hop - skipped_samples(options_),
                      end = int64_t(part.end - 1) * hop - skipped_samples(options_) + n_fft;
        // With what a mirror shows at either end, at most n_fft / 2 samples.
        const int64_t low = std::max<int64_t>(std::min(begin, samples - 1 - n_fft / 2), 0),
                      high = std::min(std::max(end, n_fft / 2 + 1), samples);
        const uint64_t signal_at = part.signal * uint64_t(samples);
        const Window from = window(
            caps, lowering.operand(node.inputs[0]), (signal_at + uint64_t(low)) * 4,
            (part.signals > 1 ? part.signals * uint64_t(samples) : uint64_t(high - low)) * 4, 4);
        const Window to =
            window(caps, lowering.operand(out), (part.signal * uint64_t(out[1]) + part.begin) * row,
                   count * row, 4);
        lowering.launch(launch(Variant::main,
                               {.x = from.operand,
                                .roots = lowering.operand(node.inputs[1]),
                                .taper = lowering.operand(node.inputs[2]),
                                .y = to.operand},
                               {.count = uint32_t(count),
                                .frames = uint32_t(part.end - part.begin),
                                .samples = uint32_t(samples),
                                .hop = uint32_t(hop),
                                .begin = int32_t(begin),
                                .x_base = from.base - uint32_t(low),
                                .y_base = to.base},
                               {.local_x = passes_.local(caps),
                                .points = passes_.points,
                                .radices = passes_.radices,
                                .passes = passes_.passes,
                                .reflect = options_.pad == PadMode::reflect},
                               fold(caps, count)));
    }

    StftOptions options_;
    FourierPasses passes_;
};

}   // namespace

Tensor stft(const Tensor& x, const StftOptions& o) {
    require_float("stft", x);
    if (x.rank() != 2) model_error("stft", "takes [n, samples]", {x});
    check_options("stft", o, x);
    const int64_t padded = x[1] + 2 * skipped_samples(o);
    if (padded < o.n_fft || x[1] < 1)
        model_error("stft", "a signal is shorter than n_fft = " + std::to_string(o.n_fft), {x});
    if (o.center && o.pad == PadMode::reflect && o.n_fft / 2 >= x[1])
        model_error("stft", "the mirror image of n_fft / 2 samples is larger than the signal", {x});
    const Tensor signal = cast(x, DType::f32);
    const auto passes = fourier_passes(o.n_fft);
    if (!passes) return stft_by_matrix(signal, o);
    const Tensor roots = constant({o.n_fft, 2}, unit_roots(o.n_fft));
    return compute(std::make_shared<StftOp>(o, *passes),
                   {signal, roots, constant({o.n_fft}, taper_of(o))},
                   {x[0], (padded - o.n_fft) / o.hop + 1, 2, o.n_fft / 2 + 1}, DType::f32);
}

}   // namespace kiln
