// The optimiser against Adam in double, and what it promises of hostile gradients.
#include <bit>
#include <catch2/generators/catch_generators_all.hpp>
#include <optional>

#include "modalities/splat/fit/optimiser.h"
#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// A rasteriser whose gradients the test writes itself.
struct Given {
    std::shared_ptr<Device> device;
    Rasteriser rasteriser;

    Given(std::shared_ptr<Device> on, const Scene& scene, uint32_t room)
        : device(on), rasteriser(take(Rasteriser::create(on, options(scene, room)))) {
        take(rasteriser.write(scene.splats));
        take(rasteriser.slopes());
    }
    static RasterOptions options(const Scene& scene, uint32_t room) {
        RasterOptions o = scene.options;
        o.splats = room;
        return o;
    }
    void set(const std::vector<float>& gradient) {
        take(device->write(rasteriser.gradient(), gradient.data(), gradient.size() * 4));
    }
    std::vector<float> parameters() { return download<float>(*device, rasteriser.parameters()); }
};

std::vector<float> random_gradient(const SplatSections& sections, std::mt19937& random) {
    std::vector<float> g(sections.end() + sections.capacity);
    for (float& v : g) v = float(double(random()) / 2147483647.5 - 1) * 0.01f;
    for (size_t i = 0; i < sections.capacity; i++)
        g[sections.screen() + i] = random() % 3 ? std::abs(g[sections.screen() + i]) : 0;
    return g;
}

// Algorithm 1 of Kingma and Ba, for each of the first `count` splats.
struct Reference {
    SplatSections sections;
    OptimiserOptions options;
    std::vector<double> x, m, v;
    int t = 0;

    void update(size_t at, double g, double rate) {
        const double b1 = options.beta1, b2 = options.beta2;
        m[at] = b1 * m[at] + (1 - b1) * g;
        v[at] = b2 * v[at] + (1 - b2) * g * g;
        const double first = m[at] / (1 - std::pow(b1, t)), second = v[at] / (1 - std::pow(b2, t));
        x[at] -= rate * first / (std::sqrt(second) + double(options.epsilon));
    }
    void step(const std::vector<double>& g, size_t count) {
        const LearningRates& r = options.rates;
        const double progress = std::min(double(t) / r.means_steps, 1.0);
        const double means = double(options.extent) * std::exp((1 - progress) * std::log(r.means) +
                                                               progress * std::log(r.means_end));
        t++;
        const size_t harmonics = size_t(sh_count(sections.sh_degree)) * 3;
        for (size_t i = 0; i < count; i++) {
            for (size_t k = 0; k < 3; k++) {
                update(i * 3 + k, g[i * 3 + k], means);
                const size_t at = sections.log_scales() + i * 3 + k;
                update(at,
                       g[at] + double(options.scale_weight) * std::exp(x[at]) / double(3 * count),
                       r.log_scales);
            }
            for (size_t k = 0; k < 4; k++) {
                const size_t at = sections.quaternions() + i * 4 + k;
                update(at, g[at], r.quaternions);
            }
            const size_t at = sections.logits() + i;
            const double opacity = 1 / (1 + std::exp(-x[at]));
            update(at,
                   g[at] + double(options.opacity_weight) * opacity * (1 - opacity) / double(count),
                   r.logits);
            for (size_t k = 0; k < harmonics; k++) {
                const size_t c = sections.sh() + i * harmonics + k;
                update(c, g[c], k < 3 ? r.dc : r.harmonics);
            }
        }
    }
};

OptimiserOptions lively() {
    OptimiserOptions o;
    o.rates.means = 1e-2f, o.rates.means_end = 1e-3f, o.rates.means_steps = 6;
    o.extent = 1.7f;
    o.opacity_weight = 0.3f, o.scale_weight = 0.2f;
    return o;
}

double worst(const std::vector<float>& got, const std::vector<double>& want) {
    double most = 0;
    for (size_t i = 0; i < want.size(); i++)
        most = std::max(most, std::abs(double(got[i]) - want[i]));
    return most;
}

}   // namespace

TEST_CASE("steps are those of Adam in double, batches and schedule included", "[gpu]") {
    const int degree = GENERATE(0, 3);
    const std::string profile = GENERATE("", "minimal");
    INFO("degree " << degree << ", " << profile);
    const size_t n = 131;
    const uint32_t room = 140;
    const Scene scene = random_scene(n, degree, 33, 30, 3);
    auto device = test_device(profile);
    Given given(device, scene, room);
    const SplatSections sections = given.rasteriser.sections();
    Optimiser optimiser = take(Optimiser::create(device, sections, lively()));
    Reference reference{sections, lively(), {}, {}, {}};
    const std::vector<float> begin = given.parameters();
    reference.x.assign(begin.begin(), begin.begin() + int64_t(sections.end()));
    reference.m.resize(sections.end()), reference.v.resize(sections.end());
    std::mt19937 random(4);
    std::vector<double> lengths(n), pictures(n);
    for (int step = 0; step < 9; step++) {
        std::vector<double> sum(sections.end());
        for (const float weight : {0.25f, 0.75f}) {
            const std::vector<float> g = random_gradient(sections, random);
            given.set(g);
            take(optimiser.add(given.rasteriser, weight));
            for (size_t i = 0; i < sum.size(); i++) sum[i] += double(weight) * double(g[i]);
            for (size_t i = 0; i < n; i++) {
                lengths[i] += double(g[sections.screen() + i]) * 0.5 * std::sqrt(33 * 30);
                pictures[i] += g[sections.screen() + i] > 0;
            }
        }
        take(optimiser.step(given.rasteriser));
        reference.step(sum, n);
    }
    CHECK(optimiser.steps() == 9);
    CHECK(worst(given.parameters(), reference.x) < 2e-5);
    const Optimiser::Memory memory = take(optimiser.read(n));
    CHECK(worst(memory.lengths, lengths) < 1e-5);
    CHECK(worst(memory.pictures, pictures) == 0);
    const Splats first = unpack(pack(memory.first, sections), sections, n);
    CHECK(std::abs(double(first.logits[7]) - reference.m[sections.logits() + 7]) < 1e-6);
    take(optimiser.forget_lengths());
    CHECK(take(optimiser.read(n)).lengths == std::vector<float>(n));
    check_silent(*device);
}

TEST_CASE("no gradient makes a splat that is not finite", "[gpu]") {
    const uint32_t seed = GENERATE(range(0u, 6u));
    const Scene scene = random_scene(60, 1, 33, 30, 3);
    auto device = test_device();
    Given given(device, scene, 60);
    const SplatSections sections = given.rasteriser.sections();
    OptimiserOptions options;
    options.rates.log_scales = 5, options.rates.quaternions = 0.7f, options.rates.logits = 9;
    options.noise = 5e5f;
    Optimiser optimiser = take(Optimiser::create(device, sections, options));
    std::mt19937 random(seed);
    const float strange[] = {NAN,   INFINITY, -INFINITY, 1e-42f, -1e-42f,
                             3e38f, -3e38f,   0,         1e17f,  -1e-20f};
    for (int step = 0; step < 40; step++) {
        std::vector<float> g = random_gradient(sections, random);
        for (float& v : g) {
            if (random() % 64 == 0) v = strange[random() % std::size(strange)];
            if (random() % 256 == 0) v = std::bit_cast<float>(uint32_t(random()));
        }
        given.set(g);
        take(optimiser.add(given.rasteriser));
        take(optimiser.step(given.rasteriser));
    }
    const Splats splats = take(given.rasteriser.read());
    bool finite = true;
    for (const auto* part :
         {&splats.means, &splats.log_scales, &splats.quaternions, &splats.logits, &splats.sh})
        for (const float v : *part) finite = finite && std::isfinite(v);
    CHECK(finite);
    double moved = 0;
    for (size_t i = 0; i < 60; i++) {
        const float* q = &splats.quaternions[i * 4];
        CHECK(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3] > 1e-6f);
        CHECK(std::abs(splats.logits[i]) <= 30);
        moved += std::abs(splats.logits[i] - scene.splats.logits[i]);
    }
    CHECK(moved > 10);
}

TEST_CASE("a splat whose gradient is not finite stays, its moments too", "[gpu]") {
    const Scene scene = random_scene(9, 1, 33, 30, 3);
    auto device = test_device();
    Given given(device, scene, 9);
    const SplatSections sections = given.rasteriser.sections();
    Optimiser optimiser = take(Optimiser::create(device, sections));
    std::mt19937 random(8);
    std::vector<float> g = random_gradient(sections, random);
    g[sections.sh() + 4 * 12 + 7] = NAN;
    g[sections.quaternions() + 6 * 4 + 3] = INFINITY;
    g[sections.means() + 8 * 3] = -2e18f;
    given.set(g);
    take(optimiser.add(given.rasteriser));
    take(optimiser.step(given.rasteriser));
    const Splats after = take(given.rasteriser.read());
    const Optimiser::Memory memory = take(optimiser.read(9));
    for (size_t i = 0; i < 9; i++) {
        const bool stays = i == 4 || i == 6 || i == 8;
        CHECK((after.logits[i] == scene.splats.logits[i]) == stays);
        CHECK((after.means[i * 3 + 1] == scene.splats.means[i * 3 + 1]) == stays);
        CHECK((memory.second.logits[i] == 0) == stays);
    }
}

TEST_CASE("noise moves what is transparent, along its covariance", "[gpu]") {
    Scene scene = random_scene(4000, 0, 33, 30, 3);
    Splats& s = scene.splats;
    for (size_t i = 0; i < 4000; i++) {
        s.means[i * 3] = s.means[i * 3 + 1] = s.means[i * 3 + 2] = 0;
        std::copy_n(s.log_scales.begin(), 3, s.log_scales.begin() + int64_t(i * 3));
        std::copy_n(s.quaternions.begin(), 4, s.quaternions.begin() + int64_t(i * 4));
        s.logits[i] = i % 2 ? -7.0f : 3.0f;
    }
    auto device = test_device();
    Given given(device, scene, 4000);
    OptimiserOptions options;
    options.noise = 5e5f, options.seed = 0x1234567890ull;
    const SplatSections sections = given.rasteriser.sections();
    Optimiser optimiser = take(Optimiser::create(device, sections, options));
    const double amount = double(optimiser.means_rate()) * 5e5 /
                          (1 + std::exp(100 * (1 / (1 + std::exp(7.0)) - 0.005)));
    given.set(std::vector<float>(sections.end() + 4000));
    take(optimiser.add(given.rasteriser));
    take(optimiser.step(given.rasteriser));
    const Splats after = take(given.rasteriser.read());
    // The covariance of the moves is amount^2 Sigma^2.
    double q[4], length = 0, found[3][3] = {}, want[3][3] = {}, opaque = 0;
    for (size_t k = 0; k < 4; k++) length += double(s.quaternions[k]) * double(s.quaternions[k]);
    for (size_t k = 0; k < 4; k++) q[k] = double(s.quaternions[k]) / std::sqrt(length);
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    const double axes[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                               {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                               {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
    double trace = 0;
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) {
            for (size_t k = 0; k < 3; k++)
                want[a][b] += axes[a][k] * axes[b][k] * std::exp(4 * double(s.log_scales[k])) *
                              amount * amount;
            for (size_t i = 1; i < 4000; i += 2)
                found[a][b] +=
                    double(after.means[i * 3 + a]) * double(after.means[i * 3 + b]) / 2000;
            trace += a == b ? want[a][b] : 0;
        }
    for (size_t i = 0; i < 4000; i += 2)
        for (size_t k = 0; k < 3; k++)
            opaque = std::max(opaque, std::abs(double(after.means[i * 3 + k])));
    CHECK(opaque < 1e-9);
    for (size_t a = 0; a < 3; a++)
        for (size_t b = 0; b < 3; b++) CHECK(std::abs(found[a][b] - want[a][b]) < 0.1 * trace);
}

TEST_CASE("what was remembered and written back steps on with the same bits", "[gpu]") {
    const Scene scene = random_scene(50, 1, 33, 30, 3);
    auto device = test_device();
    OptimiserOptions options = lively();
    options.noise = 5e5f;
    const auto run = [&](bool interrupted) {
        Given given(device, scene, interrupted ? 50 : 64);
        std::optional<Optimiser> optimiser =
            take(Optimiser::create(device, given.rasteriser.sections(), options));
        std::mt19937 random(3);
        for (int step = 0; step < 6; step++) {
            if (interrupted && step == 3) {
                const Optimiser::Memory memory = take(optimiser->read(50));
                optimiser = take(Optimiser::create(device, given.rasteriser.sections(), options));
                take(optimiser->write(memory));
            }
            const SplatSections& sections = given.rasteriser.sections();
            std::vector<float> g = random_gradient({50, 1}, random);
            std::vector<float> moved = pack(unpack(g, {50, 1}, 50), given.rasteriser.sections());
            moved.resize(sections.end() + sections.capacity);
            given.set(moved);
            take(optimiser->add(given.rasteriser));
            take(optimiser->step(given.rasteriser));
        }
        return take(given.rasteriser.read());
    };
    const Splats whole = run(false), resumed = run(true);
    CHECK(whole.means == resumed.means);
    CHECK(whole.quaternions == resumed.quaternions);
    CHECK(whole.logits == resumed.logits);
    CHECK(whole.sh == resumed.sh);
}

TEST_CASE("options and moments that make no sense are errors", "[gpu]") {
    auto device = test_device();
    const auto status = [&](const OptimiserOptions& options) {
        return Optimiser::create(device, {5, 0}, options).error().status;
    };
    CHECK(status({.extent = NAN}) == Status::usage);
    CHECK(status({.beta2 = 1}) == Status::usage);
    CHECK(status({.epsilon = 0}) == Status::usage);
    CHECK(status({.noise = -1}) == Status::usage);
    Optimiser optimiser = take(Optimiser::create(device, {5, 0}));
    Optimiser::Memory memory = take(optimiser.read(5));
    memory.lengths.pop_back();
    CHECK(optimiser.write(memory).error().status == Status::usage);
}
