// What the field's renderer draws, and its gradients, against the twin in double.
#include <catch2/generators/catch_generators_all.hpp>
#include <cstring>

#include "modalities/splat/orbit.h"
#include "tests/nerf/twin.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kWidth = 13, kHeight = 11;
constexpr std::array<float, 3> kBackground = {0.9f, 0.3f, 0.6f};

MarchOptions small_march() {
    return {.rays = kWidth * kHeight, .samples = 4096, .steps = 23, .cells = 5};
}

// Of a camera that sees the cube from outside, some rays starting inside or seeing nothing.
std::vector<Ray> some_rays(const FieldOptions& field) {
    const Orbit orbit{.azimuth = 33, .elevation = 21, .distance = 3.4, .target = field.centre};
    std::vector<Ray> rays = rays_of(orbit_camera(orbit, kWidth, kHeight), kWidth, kHeight, field);
    for (size_t i = 0; i < rays.size(); i++) rays[i].offset = float(i % 7) / 7;
    rays[4].origin = {0.4f, 0.5f, 0.7f};
    rays[5].direction = {0, 0, 0};
    rays[6].origin = {0.3f, 0.6f, -0.5f}, rays[6].direction = {0, 0, 1};
    return rays;
}

struct Setup {
    FieldOptions options;
    RadianceField field;
    FieldRenderer renderer;
    FieldTwin twin;
    std::vector<Ray> rays;
    std::vector<bool> close;
    std::vector<double> wanted;

    Setup(const std::shared_ptr<Device>& device, const FieldOptions& field_options, double occupied,
          const MarchOptions& march = small_march())
        : options(field_options),
          field(take(RadianceField::create(device, options))),
          renderer(take(FieldRenderer::create(field, march))),
          twin(options, march),
          rays(some_rays(options)),
          close(rays.size()) {
        const std::vector<float> values = lively(field.layout(), 9);
        take(field.write(values));
        twin.set(values);
        take(renderer.set_occupied(twin.occupy(occupied, 3)));
        wanted = picture(&samples);
    }
    size_t samples = 0;

    std::vector<double> picture(size_t* count = nullptr) {
        std::vector<double> image;
        for (size_t i = 0; i < rays.size(); i++) {
            bool near_border = false;
            const auto pixel = twin.shade(rays[i], kBackground, near_border, count);
            image.insert(image.end(), pixel.begin(), pixel.end());
            if (count) close[i] = near_border;
        }
        return image;
    }

    // Random, but 0 for pixels where rounding could decide.
    std::vector<float> slopes() const {
        std::mt19937 random(77);
        std::vector<float> values(rays.size() * kChannels);
        for (size_t i = 0; i < values.size(); i++) {
            const float value = float(double(random()) / 2147483647.5 - 1);
            if (!close[i / kChannels]) values[i] = value;
        }
        return values;
    }
};

std::vector<float> gradient_of(Setup& s, const std::vector<float>& slopes) {
    take(s.renderer.draw(s.rays, kBackground));
    take(s.renderer.differentiate(slopes));
    return download<float>(*s.field.device(), s.field.gradient());
}

double loss(Setup& s, const std::vector<float>& slopes) {
    const std::vector<double> image = s.picture();
    double sum = 0;
    for (size_t i = 0; i < image.size(); i++) sum += image[i] * double(slopes[i]);
    return sum;
}

}   // namespace

TEST_CASE("a radiance field is drawn as its twin draws it", "[gpu]") {
    const std::string profile = GENERATE("", "minimal");
    const auto [levels, directional, neurons] =
        GENERATE(std::tuple{4, true, 32}, std::tuple{2, false, 32}, std::tuple{6, true, 64});
    const double share = GENERATE(1.0, 0.4);
    auto device = test_device(profile);
    Setup s(device, small_field(levels, directional, neurons), share);
    take(s.renderer.draw(s.rays, kBackground));
    const std::vector<float> got = take(s.renderer.read_image());
    REQUIRE(got.size() == s.wanted.size());
    double error = 0, norm = 0;
    size_t compared = 0;
    for (size_t i = 0; i < got.size(); i++) {
        if (s.close[i / kChannels]) continue;
        compared++;
        error += (got[i] - s.wanted[i]) * (got[i] - s.wanted[i]);
        norm += s.wanted[i] * s.wanted[i];
    }
    INFO(profile << ' ' << levels << ' ' << share << ": " << std::sqrt(error / norm) << " over "
                 << compared << ", " << s.renderer.samples() << " samples");
    CHECK(compared > got.size() / 2);
    CHECK(std::sqrt(error) < 1e-5 * std::sqrt(norm));
    CHECK(std::abs(double(s.renderer.samples()) - double(s.samples)) <= 12);
    check_silent(*device);
}

TEST_CASE("gradients by every kind of parameter are those of the twin", "[gpu]") {
    const std::string profile = GENERATE("", "minimal");
    const bool directional = GENERATE(true, false);
    Setup s(test_device(profile), small_field(4, directional), 0.6);
    const std::vector<float> slopes = s.slopes();
    const std::vector<float> got = gradient_of(s, slopes);
    const FieldLayout& layout = s.field.layout();
    REQUIRE(layout.levels().front().dense);
    REQUIRE_FALSE(layout.levels().back().dense);
    struct Kind {
        const char* name;
        uint64_t begin, end;
    };
    const uint64_t shared = 2 * layout.levels().back().first;
    std::mt19937 random(4);
    for (const Kind& kind : {Kind{"entries of their own", 0, 2 * layout.levels()[1].first},
                             Kind{"shared entries", shared, layout.density()},
                             Kind{"density", layout.density(), layout.colour()},
                             Kind{"colour", layout.colour(), layout.end()}}) {
        double error = 0, norm = 0;
        for (int i = 0; i < 30;) {
            const size_t at = kind.begin + random() % (kind.end - kind.begin);
            if (kind.end <= layout.density() && got[at] == 0) continue;   // no sample is there
            const double before = s.twin.x[at], step = 1e-5;
            double want = 0;
            for (const double sign : {1.0, -1.0}) {
                s.twin.x[at] = before + sign * step;
                want += sign * loss(s, slopes) / (2 * step);
            }
            s.twin.x[at] = before;
            error += (got[at] - want) * (got[at] - want);
            norm += want * want;
            i++;
        }
        INFO(profile << ' ' << kind.name << ": error " << std::sqrt(error) << " of "
                     << std::sqrt(norm));
        CHECK(norm > 0);
        CHECK(std::sqrt(error) < 3e-4 * std::sqrt(norm));
    }
}

TEST_CASE("the whole gradient along a direction is the twin's", "[gpu]") {
    Setup s(test_device(), small_field(6, true, 64), 0.7);
    const std::vector<float> slopes = s.slopes(), got = gradient_of(s, slopes);
    const std::vector<double> before = s.twin.x;
    std::mt19937 random(8);
    double along = 0, norm = 0, want = 0;
    std::vector<double> direction(before.size());
    for (size_t i = 0; i < before.size(); i++) {
        direction[i] = double(random()) / 2147483647.5 - 1;
        along += got[i] * direction[i];
        norm += double(got[i]) * got[i];
    }
    for (const double sign : {1.0, -1.0}) {
        for (size_t i = 0; i < before.size(); i++)
            s.twin.x[i] = before[i] + sign * 1e-6 * direction[i];
        want += sign * loss(s, slopes) / 2e-6;
    }
    INFO(along << " and " << want << ", length " << std::sqrt(norm));
    CHECK(std::abs(along - want) < 1e-3 * std::sqrt(norm));
}

TEST_CASE("two runs and other bands give the same picture and gradient", "[gpu]") {
    auto device = test_device();
    const FieldOptions options = small_field(4, true);
    MarchOptions march = small_march();
    march.steps = 150;   // more samples than there is memory for: several bands
    Setup whole(device, options, 0.8, [&] {
        MarchOptions more = march;
        more.samples = 131072;
        return more;
    }());
    Setup bands(device, options, 0.8, march);
    const std::vector<float> slopes = whole.slopes();
    const std::vector<float> one = gradient_of(whole, slopes), many = gradient_of(bands, slopes);
    REQUIRE(whole.renderer.samples() > 4096);
    CHECK(whole.renderer.samples() == bands.renderer.samples());
    CHECK(take(whole.renderer.read_image()) == take(bands.renderer.read_image()));
    double error = 0, norm = 0;
    for (size_t i = 0; i < one.size(); i++) {
        error += double(one[i] - many[i]) * double(one[i] - many[i]);
        norm += double(one[i]) * double(one[i]);
    }
    CHECK(norm > 0);
    CHECK(std::sqrt(error) < 1e-5 * std::sqrt(norm));
    Setup again(device, options, 0.8, march);
    CHECK(gradient_of(again, slopes) == many);
    // Gradients add up until a step takes them.
    const std::vector<float> twice = gradient_of(again, slopes);
    CHECK(std::abs(twice.back() - 2 * many.back()) <= 1e-6f * std::abs(twice.back()));
    take(again.field.step(1e-3f));
    for (const float g : download<float>(*device, again.field.gradient())) REQUIRE(g == 0);
    check_silent(*device);
}

TEST_CASE("places are seen as the twin sees them", "[gpu]") {
    Setup s(test_device(), small_field(4, true), 1);
    std::mt19937 random(6);
    std::vector<Ray> places;
    for (int i = 0; i < 301; i++) {   // more than the renderer has rays
        Ray ray{};
        for (float& v : ray.origin) v = float(double(random()) / 4294967295.0);
        if (i % 3) ray.direction = {0.6f, 0, -0.8f};
        places.push_back(ray);
    }
    const auto got = take(s.renderer.look(places));
    REQUIRE(got.size() == places.size());
    for (size_t i = 0; i < places.size(); i++) {
        double place[3], direction[3];
        for (size_t a = 0; a < 3; a++)
            place[a] = places[i].origin[a], direction[a] = places[i].direction[a];
        const std::array<double, 4> want = s.twin.look(place, direction);
        for (size_t c = 0; c < 3; c++)
            CHECK(std::abs(got[i][c] - 1 / (1 + std::exp(-want[c]))) < 2e-5);
        CHECK(std::abs(got[i][3] / std::exp(want[3]) - 1) < 1e-4);
    }
}

TEST_CASE("a gradient that is no number moves nothing", "[gpu]") {
    Setup s(test_device(), small_field(2, true), 1);
    const std::vector<float> before = take(s.field.read());
    std::vector<float> slopes = s.slopes();
    for (size_t i = 0; i < slopes.size(); i += 3) slopes[i] = i % 2 ? NAN : INFINITY;
    take(s.renderer.draw(s.rays, kBackground));
    take(s.renderer.differentiate(slopes));
    take(s.field.step(1e-2f));
    for (const float v : take(s.field.read())) REQUIRE(std::isfinite(v));
    std::vector<float> unusable(before.size(), NAN);
    take(s.field.write(before));
    take(s.field.device()->write(s.field.gradient(), unusable.data(), unusable.size() * 4));
    take(s.field.step(1e-2f));
    CHECK(take(s.field.read()) == before);
}

TEST_CASE("steps are Adam's", "[gpu]") {
    const AdamOptions adam{.decay = 0.01f};
    RadianceField field = take(RadianceField::create(test_device(), small_field(2, false), adam));
    const FieldLayout& layout = field.layout();
    std::vector<float> x = take(field.read());
    std::vector<double> wanted(x.begin(), x.end()), m(x.size()), v(x.size());
    std::mt19937 random(3);
    for (int t = 1; t <= 3; t++) {
        std::vector<float> gradient(x.size());
        for (float& g : gradient)
            if (random() % 4) g = float(double(random()) / 2147483647.5 - 1);
        take(field.device()->write(field.gradient(), gradient.data(), gradient.size() * 4));
        take(field.step(0.02f, 0.5f));
        for (size_t i = 0; i < x.size(); i++) {
            double g = 0.5 * double(gradient[i]);
            if (i < layout.density() && g == 0) continue;
            if (i >= layout.density()) g += 0.01 * wanted[i];
            m[i] = 0.9 * m[i] + 0.1 * g, v[i] = 0.99 * v[i] + 0.01 * g * g;
            wanted[i] -= 0.02 * m[i] / (1 - std::pow(0.9, t)) /
                         (std::sqrt(v[i] / (1 - std::pow(0.99, t))) + 1e-15);
        }
    }
    x = take(field.read());
    double error = 0;
    for (size_t i = 0; i < x.size(); i++) error = std::max(error, std::abs(x[i] - wanted[i]));
    CHECK(error < 2e-5);
    CHECK(field.steps() == 3);
}

TEST_CASE("fields and renderers that cannot be are errors that say why", "[gpu]") {
    auto device = test_device();
    const auto flaw = [&](const auto& alter) {
        FieldOptions options = small_field(4, true);
        alter(options);
        const auto field = RadianceField::create(device, options);
        return field ? "" : field.error().message;
    };
    const auto has = [](const std::string& text, const char* part) {
        INFO(text);
        return text.find(part) != std::string::npos;
    };
    CHECK(flaw([](FieldOptions&) {}).empty());
    CHECK(has(flaw([](FieldOptions& o) { o.centre[1] = NAN; }), "middle"));
    CHECK(has(flaw([](FieldOptions& o) { o.half = 0; }), "extent"));
    CHECK(has(flaw([](FieldOptions& o) { o.levels = 5; }), "levels"));
    CHECK(has(flaw([](FieldOptions& o) { o.entries = 40; }), "entries"));
    CHECK(has(flaw([](FieldOptions& o) { o.finest = 2; }), "cells"));
    CHECK(has(flaw([](FieldOptions& o) { o.neurons = 40; }), "neurons"));
    RadianceField field = take(RadianceField::create(device, small_field(4, true)));
    CHECK_FALSE(field.write({1, 2, 3}));
    for (const MarchOptions& march :
         {MarchOptions{}, MarchOptions{.rays = 1, .samples = 100},
          MarchOptions{.rays = 1, .steps = 1}, MarchOptions{.rays = 1, .cells = 1000}})
        CHECK_FALSE(FieldRenderer::create(field, march));
    FieldRenderer renderer = take(FieldRenderer::create(field, small_march()));
    take(renderer.draw(some_rays(field.options()), kBackground));
    CHECK_FALSE(renderer.differentiate(std::vector<float>(8)));
}
