#include "modalities/splat/fit/exposures.h"

#include <algorithm>
#include <cmath>

namespace kiln {
namespace {

// Values, first and second moments of six, then the steps.
constexpr size_t kValues = 6, kEach = 3 * kValues + 1;
constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
constexpr double kMostGain = 8;

double least(size_t k) { return k < 3 ? 1 / kMostGain : -1; }
double most(size_t k) { return k < 3 ? kMostGain : 1; }

}   // namespace

Exposures::Exposures(size_t pictures) : values_(pictures * kEach) {
    for (size_t i = 0; i < pictures; i++) std::fill_n(&values_[i * kEach], 3, 1.0f);
}

Exposure Exposures::at(size_t picture) const {
    Exposure exposure;
    std::copy_n(&values_[picture * kEach], 3, exposure.gain.begin());
    std::copy_n(&values_[picture * kEach + 3], 3, exposure.offset.begin());
    return exposure;
}

void Exposures::step(size_t picture, const std::array<double, 3>& by_gain,
                     const std::array<double, 3>& by_offset, double rate) {
    float* own = &values_[picture * kEach];
    double slopes[kValues], sum = 0;
    for (size_t k = 0; k < 3; k++) slopes[k] = by_gain[k], slopes[3 + k] = by_offset[k];
    for (const double slope : slopes) sum += std::abs(slope);
    if (!(sum < 1e18)) return;
    const double t = double(own[3 * kValues] += 1);
    for (size_t k = 0; k < kValues; k++) {
        float &value = own[k], &m = own[kValues + k], &v = own[2 * kValues + k];
        m = float(kBeta1 * double(m) + (1 - kBeta1) * slopes[k]);
        v = float(kBeta2 * double(v) + (1 - kBeta2) * slopes[k] * slopes[k]);
        const double first = double(m) / (1 - std::pow(kBeta1, t)),
                     second = double(v) / (1 - std::pow(kBeta2, t));
        const double moved = double(value) - rate * first / (std::sqrt(second) + kEpsilon);
        value = float(std::clamp(moved, least(k), most(k)));
        centre(k);
    }
}

void Exposures::centre(size_t which) {
    const bool gain = which < 3;
    double mean = 0;
    for (size_t at = which; at < values_.size(); at += kEach)
        mean += gain ? std::log(double(values_[at])) : double(values_[at]);
    mean /= double(values_.size() / kEach);
    for (size_t at = which; at < values_.size(); at += kEach) {
        const double value = double(values_[at]);
        values_[at] = float(
            std::clamp(gain ? value * std::exp(-mean) : value - mean, least(which), most(which)));
    }
}

bool Exposures::restore(const std::vector<float>& values) {
    if (values.size() != values_.size()) return false;
    for (size_t i = 0; i < values.size(); i++) {
        const size_t k = i % kEach;
        const double v = double(values[i]);
        if (!std::isfinite(v) || (k >= 2 * kValues && v < 0)) return false;
        if (k < kValues && (v < least(k) || v > most(k))) return false;
    }
    values_ = values;
    return true;
}

}   // namespace kiln
