#include "modalities/splat/assets/dot_splat.h"

#include <cstring>
#include <numeric>

#include "modalities/splat/assets/bytes.h"

namespace kiln {
namespace {

constexpr size_t kBytes = 32, kScales = 12, kColour = 24, kRotation = 28;

// Opacity times volume, as a logarithm.
double weight(const Splats& s, size_t i) {
    const float* scale = &s.log_scales[i * 3];
    return double(scale[0]) + scale[1] + scale[2] + std::log(opacity_of_logit(s.logits[i]));
}

}   // namespace

Result<Splats> parse_dot_splat(std::span<const std::byte> bytes, const std::string& where,
                               size_t max_splats) {
    const size_t n = bytes.size() / kBytes;
    if (n * kBytes != bytes.size())
        return Error{Status::bad_file, where + ": " + std::to_string(bytes.size()) +
                                           " bytes are no multiple of the 32 of a splat: cut "
                                           "short, or no .splat"};
    if (n > max_splats)
        return Error{Status::bad_file, where + ": has " + std::to_string(n) + " splats; at most " +
                                           std::to_string(max_splats) + " are read"};
    Splats s = make_splats(n, 0);
    for (size_t i = 0; i < n; i++) {
        const std::byte* from = bytes.data() + i * kBytes;
        std::memcpy(&s.means[i * 3], from, 3 * sizeof(float));
        float scale[3];
        std::memcpy(scale, from + kScales, sizeof scale);
        for (size_t a = 0; a < 3; a++) s.log_scales[i * 3 + a] = std::log(scale[a]);
        for (size_t c = 0; c < 3; c++)
            s.sh[i * 3 + c] = (float(from[kColour + c]) / 255 - 0.5f) / kShDc;
        s.logits[i] = logit_of_byte(from[kColour + 3]);
        for (size_t a = 0; a < 4; a++)
            s.quaternions[i * 4 + a] = (float(from[kRotation + a]) - 128) / 128;
    }
    return s;
}

std::vector<std::byte> dot_splat_bytes(const Splats& s) {
    const size_t k = size_t(sh_count(s.sh_degree));
    std::vector<double> weights(s.size());
    for (size_t i = 0; i < s.size(); i++) weights[i] = weight(s, i);
    std::vector<size_t> order(s.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return weights[a] > weights[b]; });
    std::vector<std::byte> bytes(s.size() * kBytes);
    std::byte* to = bytes.data();
    for (const size_t i : order) {
        std::memcpy(to, &s.means[i * 3], 3 * sizeof(float));
        float scale[3];
        for (size_t a = 0; a < 3; a++) scale[a] = std::exp(s.log_scales[i * 3 + a]);
        std::memcpy(to + kScales, scale, sizeof scale);
        for (size_t c = 0; c < 3; c++)
            to[kColour + c] = to_byte(255 * (0.5 + double(kShDc) * s.sh[i * k * 3 + c]));
        to[kColour + 3] = to_byte(255 * opacity_of_logit(s.logits[i]));
        const float* q = &s.quaternions[i * 4];
        const double length = std::hypot(std::hypot(q[0], q[1]), std::hypot(q[2], q[3]));
        for (size_t a = 0; a < 4; a++) to[kRotation + a] = to_byte(128 * (q[a] / length) + 128);
        to += kBytes;
    }
    return bytes;
}

}   // namespace kiln
