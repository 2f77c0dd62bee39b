// Regularised incomplete beta function by its continued fraction (Lentz's method; Abramowitz and
// Stegun, "Handbook of Mathematical Functions", 1964, 26.5.8), inverted by bisection.
#include <cmath>

#include "modalities/diffusion/schedule.h"

namespace kiln {
namespace {

double continued_fraction(double x, double a, double b) {
    constexpr double kTiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1);
    d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
    double value = d;
    for (int m = 1; m < 500; ++m) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change = 1;
        for (double term : {even, odd}) {
            d = 1 + term * d;
            d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
            c = 1 + term / c;
            if (std::fabs(c) < kTiny) c = kTiny;
            change = d * c;
            value *= change;
        }
        if (std::fabs(change - 1) < 1e-16) break;
    }
    return value;
}

double incomplete_beta(double x, double a, double b) {
    if (x <= 0) return 0;
    if (x >= 1) return 1;
    if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(1 - x, b, a);
    const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                  a * std::log(x) + b * std::log1p(-x));
    return front * continued_fraction(x, a, b) / a;
}

}   // namespace

double beta_quantile(double p, double a, double b) {
    double low = 0, high = 1;
    for (int i = 0; i < 200 && low < high; ++i) {
        const double middle = 0.5 * (low + high);
        if (middle == low || middle == high) break;
        (incomplete_beta(middle, a, b) < p ? low : high) = middle;
    }
    if (p <= 0) return 0;
    return p >= 1 ? 1 : 0.5 * (low + high);
}

}   // namespace kiln
