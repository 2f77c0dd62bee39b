#include "modalities/splat/assets/axes.h"

#include <catch2/catch_test_macros.hpp>

#include "tests/assets/clouds.h"
#include "tests/io/files.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const char* kAllAxes[] = {"RUB", "LUB", "RDB", "LDB", "RUF", "LUF", "RDF", "LDF"};

// Seen from `direction`, and as a covariance: x of the changed is turn * x of the old.
void check_same_seen(const Splats& before, const Splats& after, const Matrix3& turn) {
    Random random(7);
    double worst_colour = 0, worst_shape = 0;
    for (size_t i = 0; i < before.size(); i++) {
        double d[3], length = 0, turned[3] = {};
        for (double& v : d) v = random(-1, 1), length += v * v;
        for (double& v : d) v /= std::sqrt(length);
        for (size_t r = 0; r < 3; r++)
            for (size_t c = 0; c < 3; c++) turned[r] += turn[r * 3 + c] * d[c];
        for (size_t c = 0; c < 3; c++)
            worst_colour = std::max(
                worst_colour, std::abs(colour(before, i, c, d) - colour(after, i, c, turned)));
        const Matrix3 old = covariance(before, i), now = covariance(after, i);
        double scale = 0;
        for (const double v : old) scale = std::max(scale, std::abs(v));
        for (size_t r = 0; r < 3; r++)
            for (size_t c = 0; c < 3; c++) {
                double expected = 0;
                for (size_t a = 0; a < 3; a++)
                    for (size_t b = 0; b < 3; b++)
                        expected += turn[r * 3 + a] * old[a * 3 + b] * turn[c * 3 + b];
                worst_shape = std::max(worst_shape, std::abs(expected - now[r * 3 + c]) / scale);
            }
    }
    CHECK(worst_colour < 2e-6);
    CHECK(worst_shape < 2e-6);
}

}   // namespace

TEST_CASE("splats look the same after a change of axes, and come back exactly") {
    for (const char* from : kAllAxes)
        for (const char* to : kAllAxes)
            for (int degree = 0; degree <= kMaxShDegree; degree++) {
                INFO(from << " to " << to << ", degree " << degree);
                const Axes a = take(axes_named(from)), b = take(axes_named(to));
                const Splats before = random_cloud(5, degree);
                Splats after = before;
                change_axes(after, a, b);
                Matrix3 turn{};
                for (size_t i = 0; i < 3; i++) {
                    turn[i * 4] = a.signs[i] * b.signs[i];
                    CHECK(after.means[i] == before.means[i] * float(turn[i * 4]));
                }
                check_same_seen(before, after, turn);
                change_axes(after, b, a);
                CHECK(after.means == before.means);
                CHECK(after.quaternions == before.quaternions);
                CHECK(after.sh == before.sh);
            }
}

TEST_CASE("axes have names, as the spz library gives them") {
    CHECK(take(axes_named("rub")) == kRub);
    CHECK(take(axes_named("RDF")) == kRdf);
    for (const char* name : kAllAxes) CHECK(to_string(take(axes_named(name))) == name);
    for (const char* name : {"", "RU", "RUBB", "BUR", "RRR", "XYZ", "R B"}) {
        INFO(name);
        const auto axes = axes_named(name);
        REQUIRE(!axes);
        CHECK(axes.error().status == Status::usage);
    }
}

TEST_CASE("splats look the same after a turn, from the direction turned") {
    Random random(3);
    for (int degree = 0; degree <= kMaxShDegree; degree++)
        for (const double mirror : {1.0, -1.0})
            for (int trial = 0; trial < 10; trial++) {
                INFO("degree " << degree << ", mirror " << mirror << ", trial " << trial);
                float q[4];
                for (float& v : q) v = float(random(-1, 1));
                // The first trials turn about one axis by a half, where a trace is at its least.
                if (trial < 4)
                    for (int a = 0; a < 4; a++) q[a] = a == trial ? 1 : 0;
                Similarity by{
                    .turn = rotation_of(q), .scale = random(0.1, 10), .move = {1, -2, 0.5}};
                for (size_t c = 0; c < 3; c++) by.turn[c] *= mirror;
                const Splats before = random_cloud(11, degree);
                Splats after = before;
                transform(after, by);
                for (size_t i = 0; i < after.log_scales.size(); i++) {
                    const double moved = std::log(by.scale) + before.log_scales[i];
                    CHECK(std::abs(after.log_scales[i] - moved) < 1e-5);
                    after.log_scales[i] = before.log_scales[i];
                }
                for (size_t r = 0; r < 3; r++) {
                    double expected = by.move[r];
                    for (size_t c = 0; c < 3; c++)
                        expected += by.scale * by.turn[r * 3 + c] * before.means[c];
                    CHECK(std::abs(after.means[r] - expected) < 1e-5);
                }
                check_same_seen(before, after, by.turn);
            }
}

TEST_CASE("clouds are joined at the higher degree") {
    Splats low = random_cloud(3, 1, 1);
    const Splats high = random_cloud(4, 3, 2), first = low;
    append(low, high);
    CHECK(low.size() == 7);
    CHECK(low.sh_degree == 3);
    const double d[3] = {0.6, 0, -0.8};
    for (size_t c = 0; c < 3; c++) {
        for (size_t i = 0; i < 3; i++) CHECK(colour(low, i, c, d) == colour(first, i, c, d));
        for (size_t i = 0; i < 4; i++) CHECK(colour(low, 3 + i, c, d) == colour(high, i, c, d));
    }
    Splats back = high;
    append(back, first);
    CHECK(back.sh_degree == 3);
    CHECK(colour(back, 6, 1, d) == colour(first, 2, 1, d));
    Splats empty;
    append(empty, high);
    CHECK(empty.sh == high.sh);
    CHECK(empty.means == high.means);
}
