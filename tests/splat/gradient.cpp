// The gradients of the rasteriser against central differences of the twin in double, whose
// decisions stay as they were.
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "tests/splat/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// Random slopes by the channels in [first, end), 0 by the others and where rounding could decide.
std::vector<float> random_slopes(const Twin& twin, const Scene& scene, size_t first, size_t end) {
    std::mt19937 random(77);
    const size_t pixels = size_t(scene.options.width) * size_t(scene.options.height);
    std::vector<float> slopes(pixels * kChannels);
    for (size_t i = 0; i < slopes.size(); i++) {
        const float value = float(double(random()) / 2147483647.5 - 1);
        const size_t channel = i % kChannels;
        if (channel >= first && channel < end && !twin.close(i / kChannels)) slopes[i] = value;
    }
    return slopes;
}

// By the variables in the order of variables_of().
std::vector<double> flat(const Rasteriser::Gradient& gradient, const SplatSections& sections) {
    std::vector<double> x(gradient.parameters.begin(),
                          gradient.parameters.begin() + int64_t(sections.end()));
    x.insert(x.end(), gradient.rotation.begin(), gradient.rotation.end());
    x.insert(x.end(), gradient.translation.begin(), gradient.translation.end());
    return x;
}

std::vector<double> differentiated(const std::shared_ptr<Device>& device, const Scene& scene,
                                   const std::vector<float>& slopes) {
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    take(rasteriser.differentiate(slopes));
    return flat(take(rasteriser.read_gradient()), rasteriser.sections());
}

double loss(Twin& twin, const std::vector<double>& x, const std::vector<float>& slopes) {
    const std::vector<double> image = twin.draw(x);
    double sum = 0;
    for (size_t i = 0; i < image.size(); i++) sum += image[i] * double(slopes[i]);
    return sum;
}

// Fourth-order central difference by variable i.
double difference(Twin& twin, std::vector<double> x, size_t i, const std::vector<float>& slopes) {
    const double step = 1e-3, at = x[i];
    const auto along = [&](double h) {
        x[i] = at + h;
        return loss(twin, x, slopes);
    };
    return (8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / (12 * step);
}

struct Kind {
    const char* name;
    size_t begin, end;
};

std::vector<Kind> kinds_of(const SplatSections& s) {
    return {{"means", s.means(), s.log_scales()},
            {"log-scales", s.log_scales(), s.quaternions()},
            {"quaternions", s.quaternions(), s.logits()},
            {"logits", s.logits(), s.sh()},
            {"harmonics", s.sh(), s.end()},
            {"rotation", s.end(), s.end() + 9},
            {"translation", s.end() + 9, s.end() + 12}};
}

// Of a kind of variables, as a part of their length.
double distance(const std::vector<double>& got, const std::vector<double>& want, const Kind& kind) {
    double error = 0, norm = 0;
    for (size_t i = kind.begin; i < kind.end; i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    return std::sqrt(error / norm);
}

void check_gradient(const Scene& scene, size_t first, size_t end) {
    Twin twin(scene);
    const std::vector<double> x = variables_of(scene);
    twin.keep(x);
    const std::vector<float> slopes = random_slopes(twin, scene, first, end);
    const std::vector<double> got = differentiated(test_device(), scene, slopes);
    REQUIRE(got.size() == x.size());
    for (const Kind& kind : kinds_of({scene.options.splats, scene.options.sh_degree})) {
        double error = 0, norm = 0;
        for (size_t i = kind.begin; i < kind.end; i++) {
            const double want = difference(twin, x, i, slopes);
            error += (got[i] - want) * (got[i] - want);
            norm += want * want;
        }
        INFO(kind.name << ": error " << std::sqrt(error) << " of " << std::sqrt(norm));
        CHECK(std::sqrt(error) <= 2e-4 * std::sqrt(norm) + 1e-5);
    }
}

}   // namespace

TEST_CASE("gradients by the colours are those of the twin", "[gpu]") {
    const int degree = GENERATE(0, 1, 2, 3);
    const bool antialiased = GENERATE(true, false);
    INFO("degree " << degree << (antialiased ? ", anti-aliased" : ""));
    Scene scene = random_scene(degree ? 8 : 14, degree, 37, 29, 21, antialiased);
    scene.options.summation = antialiased ? Summation::gather : Summation::atomics;
    check_gradient(scene, 0, 3);
}

TEST_CASE("gradients of a view with fewer harmonics are those of the twin", "[gpu]") {
    Scene scene = random_scene(6, 3, 37, 29, 28);
    scene.view.sh_degree = GENERATE(0, 2);
    INFO("degree " << scene.view.sh_degree);
    check_gradient(scene, 0, 8);
}

TEST_CASE("gradients by alpha, depth and normals are those of the twin", "[gpu]") {
    const auto [first, end] =
        GENERATE(std::pair<size_t, size_t>{3, 4}, std::pair<size_t, size_t>{4, 5},
                 std::pair<size_t, size_t>{5, 8}, std::pair<size_t, size_t>{0, 8});
    INFO("channels " << first << " to " << end);
    Scene scene = random_scene(12, 1, 37, 29, 22);
    scene.options.summation = first ? Summation::gather : Summation::atomics;
    check_gradient(scene, first, end);
}

TEST_CASE("gradients where the Jacobian is clamped are those of the twin", "[gpu]") {
    Scene scene = random_scene(9, 0, 37, 29, 23);
    for (size_t i = 0; i < 9; i++) {
        scene.splats.means[i * 3 + i % 2] = i % 4 < 2 ? 3.4f : -3.6f;
        for (size_t k = 0; k < 3; k++) scene.splats.log_scales[i * 3 + k] += 1.2f;
    }
    scene.options.lanes = GENERATE(0, 32);
    check_gradient(scene, 0, 8);
}

TEST_CASE("the gradient of a crowd along a direction is the twin's", "[gpu]") {
    const std::string profile = GENERATE("", "minimal");
    Scene scene = random_scene(500, 1, 67, 50, 24);
    scene.options.lanes = GENERATE(0, 32);
    scene.options.summation = GENERATE(Summation::gather, Summation::atomics);
    Twin twin(scene);
    std::vector<double> x = variables_of(scene), direction(x.size());
    twin.keep(x);
    const std::vector<float> slopes = random_slopes(twin, scene, 0, 8);
    const std::vector<double> got = differentiated(test_device(profile), scene, slopes);
    std::mt19937 random(5);
    double along = 0, norm = 0;
    for (size_t i = 0; i < x.size(); i++) {
        direction[i] = double(random()) / 2147483647.5 - 1;
        along += got[i] * direction[i];
        norm += got[i] * got[i];
    }
    const double step = 1e-5;
    double want = 0;
    for (const double sign : {1.0, -1.0}) {
        std::vector<double> moved = x;
        for (size_t i = 0; i < x.size(); i++) moved[i] += sign * step * direction[i];
        want += sign * loss(twin, moved, slopes) / (2 * step);
    }
    INFO(profile << ": " << along << " and " << want << ", length " << std::sqrt(norm));
    CHECK(std::abs(along - want) < 1e-3 * std::sqrt(norm));
}

TEST_CASE("two runs give the same picture and gradient, bit by bit", "[gpu]") {
    Scene scene = random_scene(3000, 1, 67, 50, 25);
    scene.options.lanes = GENERATE(0, 32);
    const std::vector<float> slopes(67 * 50 * kChannels, 0.25f);
    auto device = test_device();
    const std::vector<double> first = differentiated(device, scene, slopes);
    scene.options.pairs = 5000000 / 1024;
    CHECK(differentiated(device, scene, slopes) == first);
    CHECK(differentiated(device, scene, slopes) == first);
    check_silent(*device);
}

TEST_CASE("what atomics add up is what was gathered", "[gpu]") {
    Scene scene = random_scene(3000, 1, 67, 50, 25);
    scene.options.lanes = GENERATE(8, 32);
    auto device = test_device();
    if (!device->caps().float_atomics) SKIP("a device without float atomics");
    Twin twin(scene);
    twin.keep(variables_of(scene));
    const std::vector<float> slopes = random_slopes(twin, scene, 0, 8);
    const std::vector<double> gathered = differentiated(device, scene, slopes);
    scene.options.summation = Summation::atomics;
    Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    for (int run = 0; run < 2; run++) {   // of which the first leaves nothing behind
        take(rasteriser.differentiate(slopes));
        const std::vector<double> added =
            flat(take(rasteriser.read_gradient()), rasteriser.sections());
        for (const Kind& kind : kinds_of(rasteriser.sections())) {
            INFO(kind.name);
            CHECK(distance(added, gathered, kind) < 1e-5);
        }
    }
    CHECK(rasteriser.sums_bytes() == 3000 * 52);
    check_silent(*device);
}

TEST_CASE("gradients in parts are those of the twin", "[gpu]") {
    Scene scene = random_scene(12, 1, 37, 29, 22);
    scene.options.lanes = GENERATE(8, 32);
    scene.options.pairs_at_once = 1;   // as few as the tiles allow: twelve
    check_gradient(scene, 0, 8);
}

TEST_CASE("gradients do not depend on how many parts there are", "[gpu]") {
    const std::string profile = GENERATE("", "minimal");
    Scene scene = random_scene(3000, 1, 67, 50, 25);
    scene.splats.means[3 * 70] = NAN;
    scene.options.splats = 3333;   // with some of the room unused
    scene.options.lanes = GENERATE(8, 32);
    auto device = test_device(profile);
    const std::vector<float> slopes(67 * 50 * kChannels, 0.25f);
    const std::vector<double> whole = differentiated(device, scene, slopes);
    for (const uint32_t room : {500u, 7777u}) {
        scene.options.pairs_at_once = room;
        Rasteriser rasteriser = take(Rasteriser::create(device, scene.options));
        take(rasteriser.write(scene.splats));
        take(rasteriser.draw(scene.view));
        CHECK(rasteriser.pairs() > 7777);
        take(rasteriser.differentiate(slopes));
        CHECK(rasteriser.sums_bytes() == room * 52);
        const std::vector<double> parts =
            flat(take(rasteriser.read_gradient()), rasteriser.sections());
        for (const Kind& kind : kinds_of(rasteriser.sections())) {
            INFO(profile << ": " << kind.name << ", " << room << " pairs at once");
            CHECK(distance(parts, whole, kind) < 1e-5);
        }
        take(rasteriser.differentiate(slopes));
        CHECK(flat(take(rasteriser.read_gradient()), rasteriser.sections()) == parts);
    }
    check_silent(*device);
}

TEST_CASE("the gradient by a splat's centre is that by its mean, a pixel", "[gpu]") {
    // On the axis a shift of the mean moves the centre and, to first order, nothing else.
    Scene scene = random_scene(1, 0, 33, 30, 27, false);
    scene.splats.means = {0.3f, -0.4f, -3};
    scene.splats.log_scales = {-2, -2, -2};
    scene.splats.logits = {1};
    Camera& camera = scene.view.camera;
    camera.rotation = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    camera.translation = {-0.3f, 0.4f, 5};
    camera.fx = camera.fy = 60;
    std::vector<float> slopes(33 * 30 * kChannels);
    for (size_t i = 0; i < slopes.size(); i++) slopes[i] = float(i % 33) - float(i % 7);
    Rasteriser rasteriser = take(Rasteriser::create(test_device(), scene.options));
    take(rasteriser.write(scene.splats));
    take(rasteriser.draw(scene.view));
    take(rasteriser.differentiate(slopes));
    const std::vector<float> g = take(rasteriser.read_gradient()).parameters;
    const float by_centre = g[rasteriser.sections().screen()];
    CHECK(by_centre > 0.1f);
    CHECK_THAT(std::hypot(g[0], g[1]) * 2 / 60, Catch::Matchers::WithinRel(by_centre, 1e-4f));
}

TEST_CASE("splats that are not drawn have no gradient", "[gpu]") {
    Scene scene = random_scene(40, 2, 33, 30, 26);
    for (size_t i = 0; i < 40; i += 2) scene.splats.logits[i] = i % 4 ? NAN : -20.0f;
    scene.splats.means[3 * 5 + 2] = -50;
    const std::vector<float> slopes(33 * 30 * kChannels, 1.0f);
    const std::vector<double> got = differentiated(test_device(), scene, slopes);
    const SplatSections s{40, 2};
    double drawn = 0;
    for (size_t i = 0; i < 40; i++) {
        double sum = std::abs(got[s.logits() + i]);
        for (size_t k = 0; k < 27; k++) sum += std::abs(got[s.sh() + i * 27 + k]);
        for (size_t k = 0; k < 3; k++) sum += std::abs(got[i * 3 + k]);
        if (i % 2 == 0 || i == 5)
            CHECK(sum == 0);
        else
            drawn += sum;
    }
    CHECK(drawn > 1);
}
