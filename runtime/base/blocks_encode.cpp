// From values to blocks. Types of 32 take the scale that puts the largest value on the last code,
// bit for bit as ggml does. Types of 256 try some twenty scales a group and solve for the scale and
// minimum of least squared error given the codes (the idea of ggml's k-quants, I. Kawrakow 2023).
#include <algorithm>
#include <cmath>
#include <span>

#include "runtime/base/blocks.h"
#include "runtime/base/check.h"

namespace kiln {
namespace {

using Values = std::span<const float>;

int nearest(float x) { return int(x < 0 ? x - 0.5f : x + 0.5f); }

// The value of the largest magnitude, with its sign.
float extreme(Values x) {
    return *std::max_element(x.begin(), x.end(),
                             [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

void encode_small(const BlockFormat& f, Values x, BlockValues& v) {
    const int last = (1 << f.bits) - 1;
    const auto code = [&](float steps) { return uint8_t(std::clamp(int(steps), 0, last)); };
    v.scales[0] = v.minima[0] = 1;
    if (f.bits == 8) {
        v.d = std::fabs(extreme(x)) / 127;
        const float inverse = v.d != 0 ? 1 / v.d : 0;
        for (size_t i = 0; i < x.size(); i++)
            v.codes[i] = uint8_t(f.zero + int(std::round(x[i] * inverse)));
        return;
    }
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    v.d = f.has_minima ? (*high - *low) / float(last) : extreme(x) / float(-f.zero);
    v.dmin = f.has_minima ? -*low : 0;
    const float inverse = v.d != 0 ? 1 / v.d : 0;
    for (size_t i = 0; i < x.size(); i++)
        v.codes[i] = f.has_minima ? code((x[i] - *low) * inverse + 0.5f)
                                  : code(x[i] * inverse + (float(f.zero) + 0.5f));
}

// x is near scale * (code - zero) - minimum.
struct Fit {
    float scale = 0, minimum = 0;
    double error = INFINITY;
};

// The best scale and, if `affine`, minimum >= 0 for given codes, counted from the format's zero.
Fit solve(Values x, std::span<const int> codes, bool affine) {
    double n = double(x.size()), c = 0, cc = 0, xs = 0, xc = 0;
    for (size_t i = 0; i < x.size(); i++) {
        c += codes[i], cc += double(codes[i]) * codes[i];
        xs += x[i], xc += double(x[i]) * codes[i];
    }
    double scale = cc > 0 ? xc / cc : 0, minimum = 0;
    if (const double det = n * cc - c * c; affine && det > 0) {
        const double with = (n * xc - c * xs) / det, m = (with * c - xs) / n;
        if (m > 0) scale = with, minimum = m;
    }
    Fit fit{float(scale), float(minimum), 0};
    for (size_t i = 0; i < x.size(); i++) {
        const double e = scale * codes[i] - minimum - x[i];
        fit.error += e * e;
    }
    return fit;
}

Fit fit_affine(Values x, int last) {
    const float low = std::min(0.0f, *std::min_element(x.begin(), x.end()));
    const float range = *std::max_element(x.begin(), x.end()) - low;
    Fit best{0, -low, INFINITY};
    if (!(range > 0)) return best;
    std::array<int, 32> codes;
    for (int step = 0; step <= 20; step++) {
        const float inverse = (float(last) - 1 + 0.1f * float(step)) / range;
        for (size_t i = 0; i < x.size(); i++)
            codes[i] = std::clamp(nearest((x[i] - low) * inverse), 0, last);
        if (const Fit fit = solve(x, codes, true); fit.scale > 0 && fit.error < best.error)
            best = fit;
    }
    return best;
}

Fit fit_symmetric(Values x, int zero) {
    const float most = extreme(x);
    Fit best;
    if (most == 0) return best;
    std::array<int, 16> codes;
    for (int step = -9; step <= 9; step++) {
        const float inverse = -(float(zero) + 0.1f * float(step)) / most;
        for (size_t i = 0; i < x.size(); i++)
            codes[i] = std::clamp(nearest(x[i] * inverse), -zero, zero - 1);
        if (const Fit fit = solve(x, codes, false); fit.error < best.error) best = fit;
    }
    return best;
}

// Codes for the scales and minima as they will be read.
void round_codes(const BlockFormat& f, Values x, BlockValues& v) {
    v.d = f32_from_f16(f16_from_f32(v.d));
    v.dmin = f32_from_f16(f16_from_f32(v.dmin));
    for (size_t i = 0; i < x.size(); i++) {
        const size_t group = i / size_t(f.group);
        const float scale = v.d * float(v.scales[group]);
        const float steps = scale != 0 ? (x[i] + v.dmin * float(v.minima[group])) / scale : 0;
        v.codes[i] = uint8_t(
            std::clamp(nearest(std::clamp(steps, -256.0f, 256.0f)) + f.zero, 0, (1 << f.bits) - 1));
    }
}

void encode_large(const BlockFormat& f, Values x, BlockValues& v) {
    const size_t groups = size_t(f.elements / f.group);
    std::array<Fit, 16> fits;
    float most = 0, most_minimum = 0;
    for (size_t g = 0; g < groups; g++) {
        const Values part = x.subspan(g * size_t(f.group), size_t(f.group));
        fits[g] = f.has_minima ? fit_affine(part, (1 << f.bits) - 1) : fit_symmetric(part, f.zero);
        if (std::fabs(fits[g].scale) > std::fabs(most)) most = fits[g].scale;
        most_minimum = std::max(most_minimum, fits[g].minimum);
    }
    const float last = f.has_minima ? 63 : -128;   // the scale's own codes
    v.d = most / last;
    v.dmin = most_minimum / 63;
    for (size_t g = 0; g < groups; g++) {
        const float scale = most != 0 ? fits[g].scale * last / most : 0;
        v.scales[g] =
            int8_t(std::clamp(nearest(scale), f.has_minima ? 0 : -128, f.has_minima ? 63 : 127));
        v.minima[g] =
            most_minimum > 0 ? uint8_t(nearest(fits[g].minimum * 63 / most_minimum)) : uint8_t(0);
    }
    round_codes(f, x, v);
}

}   // namespace

void blocks_from_f32(DType type, const float* source, void* target, size_t count) {
    const BlockFormat& f = block_format(type);
    const size_t elements = size_t(f.elements);
    ensure(count % elements == 0, "whole blocks");
    auto* block = static_cast<std::byte*>(target);
    BlockValues values;
    for (size_t done = 0; done < count; done += elements, block += f.bytes) {
        const Values x(source + done, elements);
        if (elements == 32)
            encode_small(f, x, values);
        else
            encode_large(f, x, values);
        pack_block(f, values, block);
    }
}

}   // namespace kiln
