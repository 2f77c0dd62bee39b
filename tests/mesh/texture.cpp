// Where a texture lies on a surface, and which colours it has.
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "modalities/splat/mesh/bake.h"
#include "modalities/splat/mesh/charts.h"
#include "modalities/splat/mesh/decimate.h"
#include "modalities/splat/mesh/extract.h"
#include "modalities/splat/mesh/lookup.h"
#include "modalities/splat/mesh/marching_cubes.h"
#include "modalities/splat/assets/transform.h"
#include "tests/mesh/render.h"
#include "tests/mesh/shapes.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::WithinRel;

namespace {

double twice_area(const Unwrapped& u, const Triangle& t) {
    const auto &a = u.texels[t[0]], &b = u.texels[t[1]], &c = u.texels[t[2]];
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

// The piece of each corner of a chart: charts share none.
std::vector<uint32_t> charts_by_point(const Unwrapped& u) {
    std::vector<uint32_t> chart(u.points.size());
    for (uint32_t i = 0; i < chart.size(); i++) chart[i] = i;
    for (bool changed = true; changed;) {
        changed = false;
        for (const Triangle& t : u.triangles) {
            const uint32_t least = std::min({chart[t[0]], chart[t[1]], chart[t[2]]});
            for (const uint32_t p : t)
                if (chart[p] != least) chart[p] = least, changed = true;
        }
    }
    return chart;
}

// Every sample, `finer` a texel, lies in one triangle at most, and those of two charts keep away.
void check_apart(const Unwrapped& u, int size, int finer) {
    const std::vector<uint32_t> chart = charts_by_point(u);
    const int wide = size * finer;
    std::vector<uint32_t> covered(size_t(wide) * size_t(wide)), by(covered.size(), ~0u);
    for (const Triangle& t : u.triangles)
        each_inside(u.texels[t[0]], u.texels[t[1]], u.texels[t[2]], double(finer),
                    [&](int x, int y, const Vec3& share) {
                        REQUIRE((x >= 0 && y >= 0 && x < wide && y < wide));
                        const size_t at = size_t(y) * size_t(wide) + size_t(x);
                        // On a shared side, rounding may give a sample to both.
                        if (std::min({share[0], share[1], share[2]}) > 1e-6) covered[at]++;
                        by[at] = chart[t[0]];
                    });
    CHECK(*std::max_element(covered.begin(), covered.end()) == 1);
    size_t close = 0;
    for (int y = 0; y < wide; y++)
        for (int x = 0; x + 4 * finer - 2 < wide; x++)
            for (int d = 1; d < 4 * finer - 1; d++) {
                const uint32_t a = by[size_t(y) * size_t(wide) + size_t(x)],
                               b = by[size_t(y) * size_t(wide) + size_t(x + d)],
                               c = by[size_t(x) * size_t(wide) + size_t(y)],
                               e = by[size_t(x + d) * size_t(wide) + size_t(y)];
                close += (a != ~0u && b != ~0u && a != b) || (c != ~0u && e != ~0u && c != e);
            }
    CHECK(close == 0);
}

Splats two_coloured(double sigma, double opacity) {
    Splats s = round_splats(on_sphere(2500, 0.8), sigma, opacity);
    for (size_t i = 0; i < s.size(); i++) {
        const bool front = s.means[i * 3 + 2] > 0;
        const double colour[3] = {front ? 0.9 : 0.1, 0.3, front ? 0.2 : 0.8};
        for (size_t c = 0; c < 3; c++) s.sh[i * 3 + c] = float((colour[c] - 0.5) / kShDc);
    }
    return s;
}

}   // namespace

TEST_CASE("a texture lies on every triangle, nowhere twice, not much squeezed") {
    const int size = 256;
    Random random(2);
    DensityGrid rough = ball(1, 1.3, 24);   // with folds that no one direction sees all of
    for (float& v : rough.values) v += float(random(-0.08, 0.08));
    const Surface lump = decimate(without_islands(marching_cubes(rough, 0), 0.5), 2500);
    const Surface ring = decimate(marching_cubes(torus(1, 0.4, 1.5, 36), 0), 1500);
    for (const Surface& s : {lump, ring}) {
        const Unwrapped u = take(unwrap(s, size));
        REQUIRE(u.triangles.size() == s.triangles.size());
        for (size_t t = 0; t < s.triangles.size(); t++) {
            for (size_t k = 0; k < 3; k++) CHECK(u.points[u.triangles[t][k]] == s.triangles[t][k]);
            const Vec3 area = s.area_vector(t);
            const double want =
                std::sqrt(dot(area, area)) * u.texels_per_metre * u.texels_per_metre;
            const double is = twice_area(u, u.triangles[t]);
            CHECK(is >= 0.499 * want);
            CHECK(is <= 1.001 * want);
        }
        check_apart(u, size, 3);
    }
    CHECK(take(unwrap(ring, size)).charts < 40);
}

TEST_CASE("charts do not grow over themselves") {
    // A spiral staircase without a middle, turned by 700 degrees: all of it faces up.
    Surface stairs;
    const int steps = 70;
    for (int i = 0; i <= steps; i++) {
        const double a = 700.0 / 180 * M_PI * i / steps;
        for (const double r : {1.0, 2.0})
            stairs.points.push_back({r * std::cos(a), 0.02 * i, -r * std::sin(a)});
    }
    for (uint32_t i = 0; i < uint32_t(steps) * 2; i += 2) {
        stairs.triangles.push_back({i, i + 1, i + 3});
        stairs.triangles.push_back({i, i + 3, i + 2});
    }
    CHECK(stairs.area_vector(0)[1] > 0);
    const std::vector<Chart> charts = charts_of(stairs);
    CHECK(charts.size() >= 2);
    CHECK(charts.size() <= 6);
    check_apart(take(unwrap(stairs, 256)), 256, 3);
}

TEST_CASE("charts that do not fit a texture are refused") {
    const Surface sphere = marching_cubes(ball(1, 1.2, 20), 0);
    CHECK(unwrap(sphere, 8).error().status == Status::usage);
}

TEST_CASE("a lookup finds every Gaussian that is near, however large") {
    Random random(9);
    Splats s = make_splats(300, 0);
    for (float& v : s.means) v = float(random(-1.3, 1.3));
    for (float& v : s.log_scales) v = float(random(-5, 1));
    for (float& v : s.quaternions) v = float(random(-1, 1));
    const std::vector<Gaussian> cloud = gaussians_of(s, 1e-3);
    const Lookup lookup(cloud, {{-1, -1, -1}, {1, 1, 1}}, 0.01, 16);
    for (int i = 0; i < 500; i++) {
        const Vec3 place = {random(-1, 1), random(-1, 1), random(-1, 1)};
        const auto near = lookup.near(place);
        for (uint32_t k = 0; k < cloud.size(); k++)
            if (cloud[k](place) > 1 / 255.0)
                CHECK(std::find(near.begin(), near.end(), k) != near.end());
    }
}

TEST_CASE("the texture of a sphere of two colours has them, as the splats show them") {
    const Splats s = two_coloured(0.05, 0.9);
    const TexturedMesh m = take(extract_mesh(s, {.resolution = 48, .faces = 3000, .texture = 256}));
    check_closed(welded(m.mesh).triangles);
    CHECK(hold_of(welded(m.mesh).triangles).euler == 2);
    double error = 0, samples = 0;
    for (size_t t = 0; t < m.mesh.triangles.size(); t++) {
        const Sample sample = sample_of(m, t, {1 / 3.0, 1 / 3.0, 1 / 3.0});
        CHECK_THAT(std::sqrt(dot(sample.place, sample.place)), WithinRel(0.85, 0.08));
        CHECK(dot(sample.place, sample.normal) > 0.8);
        if (std::abs(sample.place[2]) < 0.12) continue;   // where the colours meet
        const bool front = sample.place[2] > 0;
        const double want[3] = {front ? 0.9 : 0.1, 0.3, front ? 0.2 : 0.8};
        for (size_t c = 0; c < 3; c++, samples++) error += std::pow(sample.colour[c] - want[c], 2);
    }
    CHECK(10 * std::log10(samples / error) > 45);
}

TEST_CASE("a mesh looks as its splats do from every side") {
    Splats s = round_splats(on_sphere(1500, 0.8), 0.06, 0.9);   // colours that change gently
    for (size_t i = 0; i < s.sh.size(); i++)
        s.sh[i] = 1.5f * std::sin(2 * s.means[i] + float(i % 3));
    const TexturedMesh m = take(extract_mesh(s, {.resolution = 48, .faces = 3000, .texture = 256}));
    for (const double angle : {0.0, 0.5, 1.5707963, 4.0}) {
        INFO(angle);
        CHECK(psnr_from(m, s, angle, 40) > 35);
    }
}

TEST_CASE("texels have the colour that is seen from outside along the normal") {
    // Harmonics of degree one that are red from the right and green from above; black inside.
    Splats s = round_splats(on_sphere(1500, 0.8), 0.06, 0.95);
    s.sh_degree = 1;
    s.sh.assign(s.size() * 12, 0);
    for (size_t i = 0; i < s.size(); i++) {
        for (size_t c = 0; c < 3; c++) s.sh[i * 12 + c] = 0;
        s.sh[i * 12 + 9] = 0.8f;       // k 3 is -0.4886 x, x < 0 on the way from the right
        s.sh[i * 12 + 3 + 1] = 0.8f;   // k 1 is -0.4886 y
    }
    Splats dark = round_splats(on_sphere(800, 0.5), 0.08, 0.95);
    dark.sh_degree = 1;
    dark.sh.assign(dark.size() * 12, 0);
    for (size_t i = 0; i < dark.size() * 12; i += 12)
        for (size_t c = 0; c < 3; c++) dark.sh[i + c] = -0.5f / kShDc;
    append(s, dark);
    const TexturedMesh m = take(extract_mesh(s, {.resolution = 48, .faces = 2000, .texture = 256}));
    double worst = 0;
    for (size_t t = 0; t < m.mesh.triangles.size(); t++) {
        const Sample at = sample_of(m, t, {1 / 3.0, 1 / 3.0, 1 / 3.0});
        const double want[3] = {0.5 + 0.8 * 0.48860251 * at.normal[0],
                                0.5 + 0.8 * 0.48860251 * at.normal[1], 0.5};
        for (size_t c = 0; c < 3; c++) worst = std::max(worst, std::abs(at.colour[c] - want[c]));
    }
    CHECK(worst < 0.04);
}

TEST_CASE("texels outside of charts have the colour of the nearest one inside") {
    const TexturedMesh m = take(
        extract_mesh(two_coloured(0.05, 0.9), {.resolution = 32, .faces = 500, .texture = 128}));
    size_t other = 0;   // than the two colours and what is between them
    for (size_t i = 0; i < m.texture.pixels.size(); i += 3)
        other += std::abs(m.texture.pixels[i + 1] - 76.5) > 2;
    CHECK(other == 0);
}
