#include "modalities/audio/mel.h"

#include <algorithm>
#include <cmath>

#include "runtime/graph/graph.h"

namespace kiln {
namespace {

constexpr double kCorner = 1000, kLinear = 200.0 / 3;   // Slaney's: Hz, and Hz a mel below
const double kStep = std::log(6.4) / 27;                // of log(f) a mel above

double hertz(double mel, MelScale scale) {
    if (scale == MelScale::htk) return 700 * (std::pow(10.0, mel / 2595) - 1);
    const double corner = kCorner / kLinear;
    return mel < corner ? mel * kLinear : kCorner * std::exp(kStep * (mel - corner));
}

StftOptions stft_options(const MelOptions& o) {
    return {.n_fft = o.n_fft, .hop = o.hop, .window = hann_window(o.window), .center = false};
}

// Of a signal that has its padding.
Tensor mel_of_padded(const Tensor& x, const MelOptions& o) {
    const Tensor spectra = stft(x, stft_options(o));
    const Tensor heard = o.power
                             ? reshape(sum(square(spectra), {2}), {x[0], -1, o.bins()}) + o.offset
                             : magnitude(spectra, o.offset);
    const Tensor y = matmul(heard, constant({o.bins(), o.bands}, mel_filters(o)));
    if (o.log == MelLog::none) return y;
    const Tensor logs = log(clamp(y, o.floor, 3e38f));
    return o.log == MelLog::natural ? logs : logs * float(10 / std::log(10.0));
}

}   // namespace

double hertz_to_mel(double hertz, MelScale scale) {
    if (scale == MelScale::htk) return 2595 * std::log10(1 + hertz / 700);
    return hertz < kCorner ? hertz / kLinear
                           : kCorner / kLinear + std::log(hertz / kCorner) / kStep;
}

MelOptions hifi_gan_mel() {
    return {.sample_rate = 22050,
            .hop = 256,
            .bands = 80,
            .padding = (1024 - 256) / 2,
            .offset = 1e-9f};
}

Result<void> check(const MelOptions& o) {
    const auto refuse = [](const std::string& text) {
        return Error{Status::usage, "mel spectrogram: " + text};
    };
    if (o.sample_rate < 1 || o.sample_rate > 1000000)
        return refuse("the sample rate must be from 1 to 1000000 Hz");
    if (o.n_fft < 2 || o.n_fft > 4096 || o.n_fft % 2)
        return refuse("n_fft must be even, from 2 to 4096, not " + std::to_string(o.n_fft));
    if (o.hop < 1 || o.hop > 1 << 20) return refuse("the hop must be from 1 to 1048576 samples");
    if (o.window < 1 || o.window > o.n_fft)
        return refuse("the window must have from 1 to n_fft samples");
    if (o.bands < 1 || o.bands > 1024) return refuse("there must be from 1 to 1024 bands");
    if (!(o.low >= 0 && o.low < o.high && o.high <= o.sample_rate / 2.0))
        return refuse("frequencies must rise from 0 or more to at most half the sample rate");
    if (o.padding < 0 || o.padding > o.n_fft)
        return refuse("the padding must have from 0 to n_fft samples");
    if (!(o.floor > 0 && std::isfinite(o.floor) && o.offset >= 0 && std::isfinite(o.offset)))
        return refuse("the floor must be positive, and the offset not negative");
    return {};
}

std::vector<float> mel_filters(const MelOptions& o) {
    const double first = hertz_to_mel(o.low, o.scale), last = hertz_to_mel(o.high, o.scale);
    std::vector<double> edges;
    for (int i = 0; i < o.bands + 2; i++)
        edges.push_back(hertz(first + (last - first) * i / (o.bands + 1), o.scale));
    std::vector<float> filters(size_t(o.bins()) * size_t(o.bands));
    for (int bin = 0; bin < o.bins(); bin++) {
        const double f = double(o.sample_rate) * bin / o.n_fft;
        for (size_t band = 0; band < size_t(o.bands); band++) {
            const double rising = (f - edges[band]) / (edges[band + 1] - edges[band]);
            const double falling = (edges[band + 2] - f) / (edges[band + 2] - edges[band + 1]);
            const double height =
                o.norm == MelNorm::slaney ? 2 / (edges[band + 2] - edges[band]) : 1;
            filters[size_t(bin) * size_t(o.bands) + band] =
                float(height * std::max(0.0, std::min(rising, falling)));
        }
    }
    return filters;
}

Tensor magnitude(const Tensor& spectra, float offset) {
    const Tensor squares = sum(square(spectra), {2});
    return reshape(sqrt(offset > 0 ? squares + offset : squares),
                   {spectra[0], spectra[1], spectra[3]});
}

Tensor mel_spectrogram(const Tensor& x, const MelOptions& o) {
    take(check(o));
    return mel_of_padded(pad(x, {{0, 0}, {o.padding, o.padding}}, PadMode::reflect), o);
}

Result<Mel> mel_spectrogram(const std::shared_ptr<Device>& device, std::span<const float> samples,
                            const MelOptions& o) {
    if (auto good = check(o); !good) return good.error();
    const int64_t count = int64_t(samples.size()), frames = o.frames(count);
    if (count <= o.padding || count + 2 * o.padding < o.n_fft)
        return Error{Status::usage, "a sound of " + std::to_string(count) +
                                        " samples is too short for a spectrogram"};
    if (!std::all_of(samples.begin(), samples.end(), [](float v) { return std::isfinite(v); }))
        return Error{Status::usage, "the sound has samples that are not finite"};
    const int64_t together = std::min<int64_t>(frames, std::max(1, 60 * o.sample_rate / o.hop)),
                  reach = (together - 1) * o.hop + o.n_fft;
    const Tensor x = input("samples", {1, reach});
    Result<Graph> graph = Graph::compile(device, {mel_of_padded(x, o)});
    if (!graph) return graph.error();
    Mel mel{frames, o.bands, {}};
    std::vector<float> part(static_cast<size_t>(reach));
    for (int64_t done = 0; done < frames; done += together) {
        for (int64_t i = 0; i < reach; i++) {
            const int64_t at = done * o.hop + i - o.padding,
                          from = count - 1 - std::abs(count - 1 - std::abs(at));
            part[size_t(i)] = from < 0 ? 0.0f : samples[size_t(from)];
        }
        if (auto written = graph->write(x, part); !written) return written.error();
        if (auto ran = graph->run(); !ran) return ran.error();
        Result<std::vector<float>> values = graph->read();
        if (!values) return values.error();
        const int64_t taken = std::min(together, frames - done);
        mel.values.insert(mel.values.end(), values->begin(), values->begin() + taken * o.bands);
    }
    return mel;
}

}   // namespace kiln
