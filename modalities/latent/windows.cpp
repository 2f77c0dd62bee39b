#include "modalities/latent/windows.h"

#include <algorithm>
#include <memory>

namespace kiln {

std::vector<int> window_starts(int height, int window, bool ring) {
    if (window >= height) return {0};
    const int half = std::max(1, window / 2);
    const int span = ring ? height : height - window;   // over which the starts are spread
    const int count = (span + half - 1) / half + (ring ? 0 : 1);
    std::vector<int> starts;
    for (int i = 0; i < count; i++)
        starts.push_back(int(int64_t(span) * i / (ring ? count : count - 1)));
    return starts;
}

Windows::Windows(const LatentShape& latent, const WindowOptions& options)
    : latent_(latent),
      window_(options.height > 0 ? std::min(options.height, latent.height) : latent.height),
      ring_(options.ring),
      starts_(window_starts(latent.height, window_, options.ring)) {
    for (int i = 0; i < window_; i++) weights_.push_back(float(std::min(i, window_ - 1 - i) + 1));
}

// The runs of rows of one window that lie next to each other in the latent: two where it goes
// over the end of a ring. (first row in the window, first row in the latent, rows)
template <class F>
void Windows::each_run(int start, F work) const {
    const int first = std::min(window_, latent_.height - start);
    work(0, start, first);
    if (first < window_) work(first, 0, window_ - first);
}

Latent Windows::cut(std::span<const float> latent, int start) const {
    const size_t planes = size_t(latent_.samples) * size_t(latent_.channels);
    const size_t row = size_t(latent_.width);
    Latent window(planes * size_t(window_) * row);
    each_run(start, [&](int to, int from, int rows) {
        for (size_t p = 0; p < planes; p++)
            std::copy_n(latent.data() + (p * size_t(latent_.height) + size_t(from)) * row,
                        size_t(rows) * row,
                        window.data() + (p * size_t(window_) + size_t(to)) * row);
    });
    return window;
}

void Windows::add(const Latent& prediction, int start, Latent& sum) const {
    const size_t planes = size_t(latent_.samples) * size_t(latent_.channels);
    const size_t row = size_t(latent_.width);
    each_run(start, [&](int from, int to, int rows) {
        for (size_t p = 0; p < planes; p++)
            for (int y = 0; y < rows; y++)
                for (size_t x = 0; x < row; x++)
                    sum[(p * size_t(latent_.height) + size_t(to + y)) * row + x] +=
                        weights_[size_t(from + y)] *
                        prediction[(p * size_t(window_) + size_t(from + y)) * row + x];
    });
}

Network Windows::over(Network inner) const {
    if (starts_.size() == 1 && !ring_) return inner;
    const auto calls = std::make_shared<int>(0);
    return
        [*this, inner = std::move(inner), calls](const NetworkCall& call) -> Result<NetworkOutput> {
            // The golden ratio's multiples fall far from each other.
            const double turn = ring_ ? double((*calls)++) * 0.6180339887498949 : 0;
            const int shift = int((turn - double(int64_t(turn))) * latent_.height);
            NetworkOutput sum;
            sum.conditional.resize(call.input.size());
            if (call.guided) sum.unconditional.resize(call.input.size());
            std::vector<float> weights(size_t(latent_.height), 0.0f);
            for (int first : starts_) {
                const int start = (first + shift) % latent_.height;
                const Latent window = cut(call.input, start);
                NetworkCall part = call;
                part.input = window;
                auto output = inner(part);
                if (!output) return output.error();
                add(output->conditional, start, sum.conditional);
                if (call.guided) add(output->unconditional, start, sum.unconditional);
                for (int y = 0; y < window_; y++)
                    weights[size_t((start + y) % latent_.height)] += weights_[size_t(y)];
            }
            const size_t area = size_t(latent_.height) * size_t(latent_.width);
            for (Latent* latent : {&sum.conditional, &sum.unconditional})
                for (size_t i = 0; i < latent->size(); i++)
                    (*latent)[i] /= weights[i % area / size_t(latent_.width)];
            return sum;
        };
}

}   // namespace kiln
