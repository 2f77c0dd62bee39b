// Densities on grids, and the surfaces in them, before and after they lose triangles.
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "modalities/splat/mesh/decimate.h"
#include "modalities/splat/mesh/marching_cubes.h"
#include "tests/mesh/shapes.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::WithinAbs;
using Catch::Matchers::WithinRel;

namespace {

Splats askew_cloud(size_t n, uint32_t seed) {
    Random random(seed);
    Splats s = make_splats(n, 0);
    for (float& v : s.means) v = float(random(-1, 1));
    for (float& v : s.log_scales) v = float(random(-3.5, -0.5));
    for (float& v : s.quaternions) v = float(random(-1, 1));
    for (float& v : s.logits) v = float(random(-3, 3));
    return s;
}

// Farthest that the middle of a triangle or a corner is from where it should be.
template <class F>
double farthest(const Surface& s, F distance) {
    double most = 0;
    for (size_t t = 0; t < s.triangles.size(); t++) {
        const Vec3 middle = (1.0 / 3) * (s.corner(t, 0) + s.corner(t, 1) + s.corner(t, 2));
        for (const Vec3& p : {middle, s.corner(t, 0), s.corner(t, 1), s.corner(t, 2)})
            most = std::max(most, std::abs(distance(p)));
    }
    return most;
}

}   // namespace

TEST_CASE("the density of a cloud is the sum of its Gaussians, in boxes of any shape") {
    const std::vector<Gaussian> cloud = gaussians_of(askew_cloud(40, 3), 0.02);
    for (const Box& box :
         {Box{{-1.5, -1.2, -1}, {1.4, 1.3, 1.2}}, Box{{-0.4, 0.1, 0}, {3, 0.3, 0.5}},
          Box{{-0.1, -0.1, -2}, {0.1, 0.1, 2}}}) {
        DensityGrid grid = grid_over(box, 23);
        add_density(grid, cloud);
        double worst = 0;
        for (size_t z = 0; z < grid.size[2]; z++)
            for (size_t y = 0; y < grid.size[1]; y++)
                for (size_t x = 0; x < grid.size[0]; x++) {
                    const Vec3 at =
                        grid.origin + grid.spacing * Vec3{double(x), double(y), double(z)};
                    double sum = 0;
                    for (const Gaussian& g : cloud) {
                        const double v = g(at);
                        sum += v > 1e-3 ? v : 0;
                    }
                    worst = std::max(worst, std::abs(sum - double(grid.at(x, y, z))));
                }
        CHECK(worst < 1.01e-3);   // one Gaussian more or less at the edge of what counts
    }
}

TEST_CASE("splats narrower than a grid can tell are widened, and none is infinite") {
    Splats s = make_splats(1, 0);
    s.log_scales = {-30, 0, 30};
    const Gaussian g = gaussians_of(s, 0.1).at(0);
    CHECK_THAT(std::sqrt(g.covariance[0]), WithinRel(0.1, 1e-9));
    CHECK_THAT(std::sqrt(g.covariance[3]), WithinRel(1.0, 1e-9));
    CHECK_THAT(std::sqrt(g.covariance[5]), WithinRel(1e5, 1e-9));
    CHECK_THAT(g.reach(1, 0.5 * std::exp(-2.0)), WithinRel(2.0, 1e-9));
    CHECK(g.reach(1, 0.6) == 0);
}

TEST_CASE("the surface of a lone splat is where its density says, also of one that is turned") {
    const double sigma[3] = {0.30, 0.20, 0.12}, opacity = 0.8, threshold = 0.3;
    Splats s = round_splats({{0.1, -0.2, 0.3}}, 1, opacity);
    for (size_t c = 0; c < 3; c++) s.log_scales[c] = float(std::log(sigma[c]));
    s.quaternions = {0.8f, 0.2f, -0.5f, 0.3f};
    const std::vector<Gaussian> cloud = gaussians_of(s, 1e-3);
    DensityGrid grid = grid_over({{-1, -1.2, -0.8}, {1.2, 1, 1.4}}, 96);
    add_density(grid, cloud);
    const Surface surface = marching_cubes(grid, float(threshold));
    check_closed(surface.triangles);
    CHECK(hold_of(surface.triangles).euler == 2);
    // The radius s * sqrt(2 ln(opacity / threshold)) in units of sigma, in every direction.
    const double radius = std::sqrt(2 * std::log(opacity / threshold));
    for (const Vec3& p : surface.points) {
        const Vec3 d = p - cloud[0].mean;
        CHECK_THAT(std::sqrt(dot(d, cloud[0].conic * d)), WithinRel(radius, 0.006));
    }
    const double exact = 4.18879020478639 * sigma[0] * sigma[1] * sigma[2] * std::pow(radius, 3);
    CHECK_THAT(volume(surface), WithinRel(exact, 0.01));
}

TEST_CASE("spheres and tori are closed, outside out, with the right number of holes") {
    const Surface sphere = marching_cubes(ball(1, 1.2, 40), 0),
                  ring = marching_cubes(torus(1, 0.4, 1.5, 45), 0);
    check_closed(sphere.triangles);
    check_closed(ring.triangles);
    CHECK(hold_of(sphere.triangles).euler == 2);
    CHECK(hold_of(ring.triangles).euler == 0);
    CHECK_THAT(volume(sphere), WithinRel(4.18879, 0.01));
    CHECK_THAT(volume(ring), WithinRel(2 * M_PI * M_PI * 0.16, 0.01));
    CHECK(least_area(sphere) > 0);
    CHECK(least_area(ring) > 0);
}

TEST_CASE("every case of a cell fits its neighbours: noise is closed at any threshold") {
    Random random(5);
    DensityGrid grid = sampled(1, 14, [&](const Vec3& p) {
        return std::max({std::abs(p[0]), std::abs(p[1]), std::abs(p[2])}) < 1 ? random(0, 1) : 0.0;
    });
    // Values at the threshold itself, too.
    for (float& v : grid.values) v = std::round(v * 20) / 20;
    for (const float threshold : {0.05f, 0.2f, 0.35f, 0.5f, 0.65f, 0.8f, 0.95f}) {
        INFO(threshold);
        const Surface noise = marching_cubes(grid, threshold);
        check_closed(noise.triangles);
        CHECK(volume(noise) > 0);
        CHECK(least_area(noise) > 0);
        check_closed(decimate(noise, noise.triangles.size() / 3).triangles);
    }
}

TEST_CASE("what casts the same shadows as the splats is their surface") {
    // Alone, a splat is as opaque as it is dense: half opaque is half dense.
    Splats lone = round_splats({{0, 0, 0}}, 0.3, 0.9);
    DensityGrid grid = grid_over({{-1, -1, -1}, {1, 1, 1}}, 60);
    add_density(grid, gaussians_of(lone, 1e-3));
    CHECK_THAT(threshold_of_shadows(grid, gaussians_of(lone, 1e-3)), WithinAbs(0.5, 0.01));
    // Two behind each other let less light through than one, but only along that axis.
    lone.logits = {logit(0.45)};
    DensityGrid faint = grid_over({{-1, -1, -1}, {1, 1, 1}}, 60);
    add_density(faint, gaussians_of(lone, 1e-3));
    CHECK(threshold_of_shadows(faint, gaussians_of(lone, 1e-3)) == 0);
}

TEST_CASE("hollows are filled, dents and holes through are not") {
    // A shell with a cavity, and a torus, whose hole stays open.
    const auto shell = [](const Vec3& p) { return 0.15 - std::abs(std::sqrt(dot(p, p)) - 0.8); };
    DensityGrid hollow = sampled(1.2, 40, shell);
    CHECK(hold_of(marching_cubes(hollow, 0).triangles).euler == 4);   // two spheres
    fill_hollows(hollow, 0);
    CHECK(hold_of(marching_cubes(hollow, 0).triangles).euler == 2);
    CHECK_THAT(volume(marching_cubes(hollow, 0)), WithinRel(4.18879 * std::pow(0.95, 3), 0.01));
    DensityGrid ring = torus(1, 0.4, 1.5, 40);
    const std::vector<float> before = ring.values;
    fill_hollows(ring, 0);
    CHECK(ring.values == before);
    DensityGrid cup = sampled(1.2, 40, [&](const Vec3& p) {   // open at the top
        return std::min(shell(p), std::max(std::hypot(p[0], p[2]) - 0.3, -p[1]));
    });
    const std::vector<float> open = cup.values;
    fill_hollows(cup, 0);
    CHECK(cup.values == open);
}

TEST_CASE("decimation keeps a sphere round and a torus open") {
    const Surface sphere = marching_cubes(ball(1, 1.2, 48), 0);
    for (const size_t most : {4000, 1000, 250}) {
        INFO(most);
        const Surface less = decimate(sphere, most);
        check_closed(less.triangles);
        CHECK(less.triangles.size() <= most);
        CHECK(less.triangles.size() > most - 3);
        CHECK(hold_of(less.triangles).euler == 2);
        // How far the middle of an equilateral triangle of that area is below the sphere.
        const double sagitta = 2 * (4 * M_PI / double(most)) / (3 * std::sqrt(3.0));
        const double error = farthest(less, [](const Vec3& p) { return std::sqrt(dot(p, p)) - 1; });
        CHECK(error < 3 * sagitta + 0.001);
        CHECK(least_area(less) > 0);
    }
    const Surface ring = decimate(marching_cubes(torus(1, 0.4, 1.5, 50), 0), 1200);
    check_closed(ring.triangles);
    CHECK(ring.triangles.size() <= 1200);
    CHECK(hold_of(ring.triangles).euler == 0);
    CHECK(farthest(ring, [](const Vec3& p) {
              return 0.4 - std::hypot(std::hypot(p[0], p[2]) - 1, p[1]);
          }) < 0.02);
    CHECK(hold_of(decimate(ring, 0).triangles).euler == 0);
}

TEST_CASE("decimation spends triangles where a shape is curved, and none where it is flat") {
    // A box with rounded edges.
    const DensityGrid grid = sampled(1.2, 48, [](const Vec3& p) {
        Vec3 q;
        for (size_t i = 0; i < 3; i++) q[i] = std::max(std::abs(p[i]) - 0.8, 0.0);
        return 0.2 - std::sqrt(dot(q, q)) + (dot(q, q) == 0 ? 0.1 : 0.0);
    });
    const Surface box = decimate(marching_cubes(grid, 0), 800);
    size_t flat = 0;
    for (const Vec3& p : box.points)
        flat += std::count_if(p.begin(), p.end(), [](double x) { return std::abs(x) < 0.78; }) == 2;
    CHECK(box.points.size() > 300);
    CHECK(flat < 40);
}

TEST_CASE("small pieces are left out, and the others stay as they are") {
    const auto two = [](double small) {
        return sampled(1.5, 60, [small](const Vec3& p) {
            const Vec3 far = p - Vec3{1.2, 1.2, 1.2};
            return std::max(0.8 - std::sqrt(dot(p, p)), small - std::sqrt(dot(far, far)));
        });
    };
    const Surface both = marching_cubes(two(0.15), 0);
    CHECK(hold_of(both.triangles).euler == 4);
    const Surface one = without_islands(both, 0.3);
    check_closed(one.triangles);
    CHECK(hold_of(one.triangles).euler == 2);
    CHECK_THAT(volume(one), WithinRel(4.18879 * 0.512, 0.01));
    CHECK(without_islands(both, 0.1).triangles == both.triangles);
}
