// Comparisons that say where they fail. Empty text: equal within the tolerance.
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace kiln::test {

// |actual - expected| <= tolerance * max(1, |expected|) everywhere, and no NaN.
template <class A, class B>
std::string difference(const std::vector<A>& actual, const std::vector<B>& expected,
                       double tolerance) {
    if (actual.size() != expected.size())
        return std::to_string(actual.size()) + " values, not " + std::to_string(expected.size());
    size_t worst = 0;
    double most = -1;
    for (size_t i = 0; i < actual.size(); i++) {
        double a = double(actual[i]), e = double(expected[i]);
        double off = a == e ? 0 : std::fabs(a - e) / std::max(1.0, std::fabs(e));
        if (std::isnan(off)) off = INFINITY;
        if (off > most) most = off, worst = i;
    }
    if (most <= tolerance) return {};
    return "[" + std::to_string(worst) + "] is " + std::to_string(double(actual[worst])) +
           ", not " + std::to_string(double(expected[worst])) + ": off by " + std::to_string(most);
}

}   // namespace kiln::test
