// Analytic gradients against central differences of a reference in double.
#pragma once
#include <string>
#include <vector>

#include "runtime/graph/graph.h"
#include "runtime/ops/gradient.h"
#include "tests/support/matchers.h"
#include "tests/support/reference.h"

namespace kiln::test {

using Reference = std::function<Array(const std::vector<Array>&)>;

// d sum(f(x) * r) / d x[which], at up to `samples` elements; `elements` receives their indices.
inline std::vector<double> central_differences(const Reference& f, std::vector<Array> inputs,
                                               size_t which, const Array& r, size_t samples,
                                               std::vector<size_t>& elements) {
    constexpr double h = 1e-5;
    std::vector<double> slopes;
    std::vector<double>& x = inputs[which].values;
    auto at = [&](size_t i, double value) {
        double old = x[i], sum = 0;
        x[i] = value;
        Array y = f(inputs);
        for (size_t k = 0; k < y.values.size(); k++) sum += y.values[k] * r.values[k];
        x[i] = old;
        return sum;
    };
    size_t stride = std::max<size_t>(1, x.size() / samples);
    for (size_t i = 0; i < x.size(); i += stride) {
        elements.push_back(i);
        slopes.push_back((at(i, x[i] + h) - at(i, x[i] - h)) / (2 * h));
    }
    return slopes;
}

}   // namespace kiln::test
