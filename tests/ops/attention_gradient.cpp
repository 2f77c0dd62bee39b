#include "runtime/ops/attention_gradient.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <cmath>

#include "tests/ops/cases.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

Array attended(const std::vector<Array>& in) {
    const Array &q = in[0], &k = in[1], &v = in[2];
    const double scale = 0.3;
    Array y(q.shape);
    for (int64_t i = 0; i < q.shape[0] * q.shape[1]; i++)
        for (int64_t s = 0; s < q.shape[2]; s++) {
            const int64_t n = i / q.shape[1], h = i % q.shape[1], width = q.shape[3];
            std::vector<double> weights;
            double sum = 0;
            for (int64_t t = 0; t < k.shape[2]; t++) {
                double score = 0;
                for (int64_t c = 0; c < width; c++) score += q({n, h, s, c}) * k({n, h, t, c});
                weights.push_back(std::exp(score * scale));
                sum += weights.back();
            }
            for (int64_t t = 0; t < k.shape[2]; t++)
                for (int64_t c = 0; c < width; c++)
                    y({n, h, s, c}) += weights[size_t(t)] / sum * v({n, h, t, c});
        }
    return y;
}

std::vector<float> floats(const Array& array) { return {array.values.begin(), array.values.end()}; }

}   // namespace

TEST_CASE("the gradient of attention is that of the reference, some queries at a time", "[gpu]") {
    const int64_t scores = GENERATE(1 << 20, 2 * 2 * 7 * 3, 1);   // all, three, and one at a time
    const auto device = test_device(GENERATE(from_range(kProfiles)));
    const std::vector<Array> in{random_array({2, 2, 11, 4}, 1, -2, 2),
                                random_array({2, 2, 7, 4}, 2, -2, 2),
                                random_array({2, 2, 7, 4}, 3, -2, 2)};
    const Array y = attended(in), d = random_array(y.shape, 4);
    const auto tensor = [](const Array& a) { return constant(a.shape, floats(a)); };
    const AttentionGradient found = attention_gradient(
        {tensor(in[0]), tensor(in[1]), tensor(in[2])}, tensor(y), tensor(d), 0.3f, scores);
    Graph graph = take(Graph::compile(device, {found.q, found.k, found.v}));
    take(graph.run());
    for (size_t i = 0; i < 3; i++) {
        std::vector<size_t> elements;
        const auto slopes = central_differences(attended, in, i, d, 60, elements);
        std::vector<float> all = take(graph.read(i)), sampled;
        for (size_t element : elements) sampled.push_back(all[element]);
        CHECK(difference(sampled, slopes, 1e-5) == "");
    }
    check_silent(*device);
}

TEST_CASE("the gradient of attention never holds all scores of many queries", "[gpu]") {
    const auto needs = [](int64_t scores) {
        const Tensor x = input("x", {1, 1, 512, 8});
        const AttentionGradient found = attention_gradient({x, x, x}, x, x, 1, scores);
        return Graph::needs(*test_device(), {found.q, found.k, found.v}).values;
    };
    CHECK(needs(512 * 512) > 2 * 512 * 512 * sizeof(float));
    CHECK(needs(512 * 512 / 16) < 512 * 512 * sizeof(float));
}
