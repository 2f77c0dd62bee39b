// Group normalization of bf16 channels-last activations, forward and backward, for training on a
// CPU: Wu and He. Group Normalization. 2018. PyTorch's own backward takes half of a step there.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

float load(uint16_t bits) {
    uint32_t wide = uint32_t(bits) << 16;
    float value;
    std::memcpy(&value, &wide, 4);
    return value;
}

uint16_t store(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    return uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Per-channel sums over the pixels of one sample: of a, and of a * b.
void sums(const uint16_t* a, const uint16_t* b, int pixels, int channels, float* plain,
          float* product) {
    for (int p = 0; p < pixels; ++p)
        for (int c = 0; c < channels; ++c) {
            const float v = load(a[p * channels + c]);
            plain[c] += v;
            product[c] += v * load(b[p * channels + c]);
        }
}

}   // namespace

// x, y [n, pixels, channels] bf16; statistics [n, groups, 2] hold mean and 1 / deviation.
extern "C" void group_norm_forward(const uint16_t* x, const float* gamma, const float* beta, int n,
                                   int pixels, int channels, int groups, float eps, uint16_t* y,
                                   float* statistics) {
    const int width = channels / groups;
    const double count = double(width) * pixels;
    for (int i = 0; i < n; ++i, x += size_t(pixels) * channels, y += size_t(pixels) * channels) {
        std::vector<float> plain(channels), square(channels), scale(channels), shift(channels);
        sums(x, x, pixels, channels, plain.data(), square.data());
        for (int g = 0; g < groups; ++g) {
            double total = 0, squares = 0;
            for (int c = g * width; c < (g + 1) * width; ++c) {
                total += plain[c];
                squares += square[c];
            }
            const double mean = total / count;
            const double variance = squares / count - mean * mean;
            const float inverse = float(1 / std::sqrt((variance > 0 ? variance : 0) + eps));
            statistics[(i * groups + g) * 2] = float(mean);
            statistics[(i * groups + g) * 2 + 1] = inverse;
            for (int c = g * width; c < (g + 1) * width; ++c) {
                scale[c] = gamma[c] * inverse;
                shift[c] = beta[c] - float(mean) * scale[c];
            }
        }
        for (int p = 0; p < pixels; ++p)
            for (int c = 0; c < channels; ++c)
                y[p * channels + c] = store(load(x[p * channels + c]) * scale[c] + shift[c]);
    }
}

// d_gamma and d_beta [channels] are added to.
extern "C" void group_norm_backward(const uint16_t* x, const uint16_t* dy, const float* gamma,
                                    const float* statistics, int n, int pixels, int channels,
                                    int groups, uint16_t* dx, float* d_gamma, float* d_beta) {
    const int width = channels / groups;
    const float count = float(width) * pixels;
    for (int i = 0; i < n; ++i) {
        const size_t at = size_t(i) * pixels * channels;
        std::vector<float> plain(channels), product(channels);
        std::vector<float> a(channels), b(channels), k(channels);
        sums(dy + at, x + at, pixels, channels, plain.data(), product.data());
        for (int g = 0; g < groups; ++g) {
            const float mean = statistics[(i * groups + g) * 2];
            const float inverse = statistics[(i * groups + g) * 2 + 1];
            float first = 0, second = 0;   // sums of gamma dy and of gamma dy x^
            for (int c = g * width; c < (g + 1) * width; ++c) {
                const float normalized = (product[c] - mean * plain[c]) * inverse;
                d_gamma[c] += normalized;
                d_beta[c] += plain[c];
                first += gamma[c] * plain[c];
                second += gamma[c] * normalized;
            }
            const float slope = -second / count * inverse * inverse;
            for (int c = g * width; c < (g + 1) * width; ++c) {
                a[c] = gamma[c] * inverse;
                b[c] = slope;
                k[c] = -first / count * inverse - slope * mean;
            }
        }
        for (int p = 0; p < pixels; ++p)
            for (int c = 0; c < channels; ++c) {
                const size_t j = at + size_t(p) * channels + c;
                dx[j] = store(a[c] * load(dy[j]) + b[c] * load(x[j]) + k[c]);
            }
    }
}
