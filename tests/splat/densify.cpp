// Where splats go and come from: the formula of relocation in double and by pictures, and that
// moments follow their splats.
#include <catch2/catch_approx.hpp>
#include <catch2/generators/catch_generators_all.hpp>
#include <set>

#include "modalities/splat/fit/densify.h"
#include "modalities/splat/fit/initial.h"
#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

double opacity_of(float logit) { return 1 / (1 + std::exp(-double(logit))); }

// Splats whose moments tell them apart: those of splat i are i + 1.
Cloud marked_cloud(size_t n, int degree, uint32_t seed) {
    Cloud cloud;
    cloud.splats = random_scene(n, degree, 32, 32, seed).splats;
    for (Splats* m : {&cloud.memory.first, &cloud.memory.second}) {
        *m = make_splats(n, degree);
        for (size_t i = 0; i < n; i++) {
            m->means[i * 3 + 1] = m->log_scales[i * 3 + 2] = m->logits[i] = float(i + 1);
            m->quaternions[i * 4] = m->quaternions[i * 4 + 3] = float(i + 1);
            m->sh[(i + 1) * m->sh.size() / n - 1] = float(i + 1);
        }
    }
    cloud.memory.steps = 77;
    cloud.memory.lengths.resize(n), cloud.memory.pictures.assign(n, 1);
    return cloud;
}

// Which splat's moments these are, 0 for none at all; fails for a mixture.
size_t owner(const Splats& m, size_t i) {
    const float mark = m.logits[i];
    CHECK(m.means[i * 3 + 1] == mark);
    CHECK(m.log_scales[i * 3 + 2] == mark);
    CHECK(m.quaternions[i * 4] == mark);
    CHECK(m.quaternions[i * 4 + 3] == mark);
    CHECK(m.sh[(i + 1) * m.sh.size() / m.size() - 1] == mark);
    return size_t(mark);
}

std::vector<float> drawn(const Splats& splats, const Scene& scene) {
    RasterOptions options = scene.options;
    options.splats = uint32_t(splats.size());
    Rasteriser rasteriser = take(Rasteriser::create(test_device(), options));
    take(rasteriser.write(splats));
    take(rasteriser.draw(scene.view));
    return take(rasteriser.read_image());
}

}   // namespace

TEST_CASE("a share is that of the paper's sums and keeps the integral of alpha") {
    const double opacity = GENERATE(0.006, 0.1, 0.5, 0.9, 0.99);
    const int copies = GENERATE(1, 2, 3, 7, 20, 51);
    INFO(opacity << " among " << copies);
    const Share share = share_of(opacity, copies);
    CHECK(1 - std::pow(1 - share.opacity, copies) == Catch::Approx(opacity).epsilon(1e-12));
    double sums = 0;
    for (int i = 1; i <= copies; i++) {
        double binomial = 1;   // C(i - 1, k)
        for (int k = 0; k < i; k++) {
            sums += binomial * (k % 2 ? -1 : 1) * std::pow(share.opacity, k + 1) / std::sqrt(k + 1);
            binomial = binomial * (i - 1 - k) / (k + 1);
        }
    }
    CHECK(share.scale == Catch::Approx(opacity / sums).epsilon(1e-9));
    double before = 0, after = 0;
    for (double x = -12; x <= 12; x += 1e-3) {
        before += opacity * std::exp(-0.5 * x * x);
        const double y = x / share.scale;
        after += 1 - std::pow(1 - share.opacity * std::exp(-0.5 * y * y), copies);
    }
    CHECK(after == Catch::Approx(before).epsilon(1e-9));
}

TEST_CASE("a share of two at nine tenths is the known one") {
    const Share share = share_of(0.9, 2);
    CHECK(share.opacity == Catch::Approx(0.6838).margin(5e-5));
    CHECK(share.scale == Catch::Approx(0.8679).margin(5e-5));
}

TEST_CASE("relocated splats look as before", "[gpu]") {
    Scene scene = random_scene(40, 0, 48, 48, 3, false);
    Cloud cloud = marked_cloud(60, 0, 3);
    cloud.splats = make_splats(60, 0);
    // Faint ones, apart from each other: the copies keep a ray's integral, not each point of it.
    for (size_t i = 0; i < 60; i++) {
        const bool dead = i >= 40;
        cloud.splats.means[i * 3] = 0.25f * float(i % 7) - 0.7f;
        cloud.splats.means[i * 3 + 1] = 0.25f * float(i / 7) - 0.7f;
        for (size_t k = 0; k < 3; k++) cloud.splats.log_scales[i * 3 + k] = -2.8f;
        cloud.splats.logits[i] = dead ? -9.0f : -2.0f + 0.02f * float(i);
        cloud.splats.sh[i * 3 + i % 3] = 1;
    }
    const std::vector<float> before = drawn(cloud.splats, scene);
    const Cloud was = cloud;
    const Densified done = relocate(cloud, {}, 90, 5);
    CHECK(done.relocated == 20);
    CHECK(done.added == 3);
    REQUIRE(cloud.splats.size() == 63);
    const std::vector<float> after = drawn(cloud.splats, scene);
    double difference = 0, most = 0, moved = 0;
    for (size_t i = 0; i < after.size(); i++) {
        if (i % kChannels > 3) continue;
        difference += double(after[i]) - double(before[i]);
        moved += std::abs(double(after[i]) - double(before[i]));
        most = std::max(most, std::abs(double(after[i]) - double(before[i])));
    }
    INFO("sum " << difference << " of " << moved << ", most " << most);
    CHECK(most < 0.03);   // plain copies: 0.27
    CHECK(moved > 0);
    CHECK(moved / double(after.size() / 2) < 1e-3);
    std::set<float> parents;
    for (size_t i = 40; i < 63; i++) {
        const float x = cloud.splats.means[i * 3], y = cloud.splats.means[i * 3 + 1];
        size_t parent = 0;
        while (parent < 40 &&
               !(was.splats.means[parent * 3] == x && was.splats.means[parent * 3 + 1] == y))
            parent++;
        REQUIRE(parent < 40);
        CHECK(cloud.splats.logits[i] < was.splats.logits[parent]);
        CHECK(owner(cloud.memory.first, i) == 0);
        CHECK(owner(cloud.memory.second, parent) == 0);
        parents.insert(float(parent));
    }
    for (size_t i = 0; i < 40; i++)
        if (!parents.count(float(i))) CHECK(owner(cloud.memory.second, i) == i + 1);
}

TEST_CASE("relocation keeps to its cap and does nothing where nothing lives") {
    Cloud cloud = marked_cloud(30, 1, 4);
    CHECK(relocate(cloud, {}, 30, 1).added == 0);
    CHECK(cloud.splats.size() == 30);
    CHECK(relocate(cloud, {.growth = 3}, 47, 1).added == 17);
    CHECK(cloud.splats.size() == 47);
    std::fill(cloud.splats.logits.begin(), cloud.splats.logits.end(), -20.0f);
    const std::vector<float> means = cloud.splats.means;
    CHECK(relocate(cloud, {}, 99, 1).relocated == 0);
    CHECK(cloud.splats.means == means);
    // One that lives is copied at most fifty times.
    cloud.splats.logits[3] = 2;
    CHECK(relocate(cloud, {}, 99, 1).relocated == 46);
    for (const float logit : cloud.splats.logits) CHECK(std::isfinite(logit));
}

TEST_CASE("small splats are copied, large ones split, faint ones go; moments follow") {
    Cloud cloud = marked_cloud(9, 1, 6);
    Splats& s = cloud.splats;
    for (size_t i = 0; i < 9; i++) {
        s.logits[i] = 1;
        for (size_t k = 0; k < 3; k++) s.log_scales[i * 3 + k] = std::log(0.005f);
    }
    s.logits[0] = -6;   // faint
    cloud.memory.lengths[0] = 1;
    cloud.memory.lengths[2] = 3e-4f;   // small: copied
    cloud.memory.lengths[4] = 9e-4f;   // large: split
    s.log_scales[4 * 3 + 1] = std::log(0.05f);
    cloud.memory.lengths[5] = 3e-4f, cloud.memory.pictures[5] = 2;   // below on average
    s.log_scales[7 * 3] = std::log(0.3f);                            // too large
    const Cloud was = cloud;
    Cloud other = cloud;
    const Densified done = densify(cloud, {}, 1, true, 100, 3);
    CHECK(done.pruned == 2);
    CHECK(done.cloned == 1);
    CHECK(done.split == 1);
    REQUIRE(cloud.splats.size() == 9);
    const size_t owners[9] = {2, 3, 4, 0, 0, 6, 7, 9, 0};
    for (size_t i = 0; i < 9; i++) {
        CHECK(owner(cloud.memory.first, i) == owners[i]);
        CHECK(owner(cloud.memory.second, i) == owners[i]);
        if (owners[i])
            CHECK(cloud.splats.sh[i * 12 + 5] == was.splats.sh[(owners[i] - 1) * 12 + 5]);
    }
    CHECK(cloud.memory.steps == 77);
    CHECK(cloud.memory.lengths == std::vector<float>(9));
    for (const size_t half : {3u, 4u}) {
        CHECK(cloud.splats.log_scales[half * 3 + 1] == Catch::Approx(std::log(0.05 / 1.6)));
        CHECK(cloud.splats.means[half * 3] != was.splats.means[4 * 3]);
        CHECK(std::abs(cloud.splats.means[half * 3] - was.splats.means[4 * 3]) < 0.3f);
    }
    CHECK(cloud.splats.means[8 * 3 + 2] == was.splats.means[2 * 3 + 2]);
    // With room for one more, the largest gradient takes it; what is large may stay.
    Cloud share = other;
    CHECK(densify(other, {}, 1, false, 9, 3).cloned == 0);
    CHECK(other.splats.size() == 9);
    // A share of what is kept: one of eight.
    const Densified few = densify(share, {.gradient = 0, .growth = 0.2f}, 1, false, 100, 3);
    CHECK(few.split == 1);
    CHECK(few.cloned == 0);
}

TEST_CASE("halves of a split splat are drawn from it") {
    Cloud cloud = marked_cloud(3000, 0, 6);
    for (size_t i = 0; i < 3000; i++) {
        cloud.splats.means[i * 3] = cloud.splats.means[i * 3 + 1] = 0;
        cloud.splats.means[i * 3 + 2] = 5;
        cloud.splats.logits[i] = 1;
        const float scales[3] = {-1, -2, -3}, turn[4] = {1, 0, 0, 1};   // x to y, y to -x
        std::copy_n(scales, 3, cloud.splats.log_scales.begin() + int64_t(i * 3));
        std::copy_n(turn, 4, cloud.splats.quaternions.begin() + int64_t(i * 4));
        cloud.memory.lengths[i] = 1;
    }
    CHECK(densify(cloud, {}, 1, false, 9000, 1).split == 3000);
    double squares[3] = {};
    for (size_t i = 0; i < 6000; i++)
        for (size_t k = 0; k < 3; k++) {
            const double x = double(cloud.splats.means[i * 3 + k]) - (k == 2 ? 5 : 0);
            squares[k] += x * x / 6000;
        }
    CHECK(std::sqrt(squares[0]) == Catch::Approx(std::exp(-2)).epsilon(0.05));
    CHECK(std::sqrt(squares[1]) == Catch::Approx(std::exp(-1)).epsilon(0.05));
    CHECK(std::sqrt(squares[2]) == Catch::Approx(std::exp(-3)).epsilon(0.05));
}

TEST_CASE("a cloud never becomes empty, and a reset keeps what is fainter") {
    Cloud cloud = marked_cloud(5, 0, 6);
    for (float& logit : cloud.splats.logits) logit = -8;
    densify(cloud, {}, 1, true, 100, 3);
    CHECK(cloud.splats.size() == 5);
    cloud.splats.logits[2] = 3;
    reset_opacity(cloud, 0.01f);
    CHECK(opacity_of(cloud.splats.logits[2]) == Catch::Approx(0.01));
    CHECK(cloud.splats.logits[1] == -8);
    CHECK(cloud.memory.second.logits == std::vector<float>(5));
    CHECK(cloud.memory.second.means[4] == 2);
}

TEST_CASE("splats begin as wide as their neighbours are far") {
    std::vector<float> positions;
    std::mt19937 random(9);
    for (size_t i = 0; i < 3 * 400; i++) positions.push_back(float(random() % 97) / 10);
    positions[7] = NAN;
    const Splats splats = splats_at(positions, {}, {.opacity = 0.2f, .width = 0.5f});
    REQUIRE(splats.size() == 399);
    for (size_t i = 0; i < 399; i++) {
        std::vector<double> squares;
        for (size_t j = 0; j < 399; j++) {
            double sum = 0;
            for (size_t k = 0; k < 3; k++)
                sum += std::pow(double(splats.means[i * 3 + k] - splats.means[j * 3 + k]), 2);
            if (j != i) squares.push_back(sum);
        }
        std::sort(squares.begin(), squares.end());
        const double mean = (squares[0] + squares[1] + squares[2]) / 3;
        CHECK(std::exp(double(splats.log_scales[i * 3])) ==
              Catch::Approx(0.5 * std::sqrt(std::max(mean, 1e-7))).epsilon(1e-4));
    }
    CHECK(opacity_of(splats.logits[0]) == Catch::Approx(0.2));
    const std::vector<float> tints = {1, 0, 0.5f};
    const Splats one = splats_at(std::vector<float>{1, 2, 3}, tints, {.sh_degree = 1});
    CHECK(one.log_scales[0] == 0);
    CHECK(one.sh[0] == Catch::Approx(0.5 / 0.28209479));
    CHECK(one.sh[5] == 0);
    const Splats ball = random_splats(500, {1, 2, 3}, {2, 2, 2}, Region::ball, 4);
    for (size_t i = 0; i < 500; i++)
        CHECK(std::hypot(ball.means[i * 3] - 1, ball.means[i * 3 + 1] - 2,
                         ball.means[i * 3 + 2] - 3) <= 2.0001f);
    CHECK(splats_at({}, {}).size() == 0);
}
