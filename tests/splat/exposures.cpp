// What is learnt of how pictures were exposed stays within limits, and is restored whole or not.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <utility>

#include "modalities/splat/fit/exposures.h"

using namespace kiln;

TEST_CASE("exposures follow finite slopes within limits, and restore only what they saved") {
    Exposures exposures(2);
    for (int i = 0; i < 2000; i++) exposures.step(1, {1, -2, 0}, {-1e-3, 5, 0}, 0.05);
    const Exposure far = exposures.at(1);
    CHECK(far.gain == std::array<float, 3>{0.125f, 8, 1});
    CHECK(far.offset == std::array<float, 3>{1, -1, 0});
    // What all have in common stays as it was.
    CHECK(std::abs(exposures.at(0).gain[0] - 8) < 1e-5f);
    CHECK(std::abs(exposures.at(0).gain[1] - 0.125f) < 1e-5f);
    CHECK(exposures.at(0).offset == std::array<float, 3>{-1, 1, 0});
    const std::vector<float> before = exposures.values();
    exposures.step(1, {NAN, 0, 0}, {}, 0.05);
    exposures.step(1, {}, {0, INFINITY, 0}, 0.05);
    CHECK(exposures.values() == before);
    for (const auto& [at, value] : {std::pair<size_t, float>{0, NAN},
                                    {0, 9},
                                    {1, 0},
                                    {4, -2},
                                    {14, -1},
                                    {18, -1},
                                    {30, INFINITY}}) {
        std::vector<float> strange = before;
        strange[at] = value;
        CHECK_FALSE(exposures.restore(strange));
    }
    CHECK_FALSE(exposures.restore(std::vector<float>(before.begin(), before.end() - 19)));
    CHECK(exposures.values() == before);
    Exposures other(2);
    CHECK(other.restore(before));
    CHECK(other.at(1).gain == far.gain);
}
