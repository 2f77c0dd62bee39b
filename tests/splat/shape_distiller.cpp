// The whole way from a prior to splats, with one that knows a single picture.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

#include "tests/io/files.h"
#include "tests/splat/one_picture.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("splats become what a prior of one picture knows, from all sides", "[gpu]") {
    // Latents of 3 pixels have no linear stand-in; of those of 4 it is the encoder itself.
    const int pool = GENERATE(3, 4);
    CAPTURE(pool);
    OnePicturePrior prior(pool);
    ShapeDistiller shape = take(ShapeDistiller::create(test_device(), prior, settings(), "red"));
    const double first = distance(prior, take(shape.splats()), "red");
    const int before = prior.encoded;
    ShapeDistiller::Report report{};
    while (shape.done() < kSteps) report = take(shape.step());
    CHECK(prior.encoded - before == (pool == 3 ? kSteps : 16));
    CHECK(report.step == kSteps);
    CHECK(report.alpha > 0.05);
    CHECK(report.alpha < 0.6);
    const Splats splats = take(shape.splats());
    CHECK(splats.antialiased);
    INFO("from " << first << " to " << distance(prior, splats, "red"));
    CHECK(distance(prior, splats, "red") < 0.06);
    CHECK(distance(prior, splats, "blue") > 0.15);
    check_silent(*test_device());
}

TEST_CASE("a run is known by its seed, and goes on as if never interrupted", "[gpu]") {
    OnePicturePrior prior(4);
    ShapeSettings s = settings();
    s.steps = 9, s.linear_until = 0.8;
    const auto started = [&](uint64_t seed) {
        s.seed = seed;
        return take(ShapeDistiller::create(test_device(), prior, s, "blue"));
    };
    const auto finished = [&](ShapeDistiller shape) {
        while (shape.done() < s.steps) take(shape.step());
        return take(shape.splats());
    };
    const Splats whole = finished(started(1));
    CHECK(whole.means != finished(started(2)).means);

    const TemporaryFolder folder;
    const std::string file = folder / "state.fit";
    ShapeDistiller interrupted = started(1);
    while (interrupted.done() < 5) take(interrupted.step());
    take(interrupted.save(file));
    ShapeDistiller resumed = started(1);
    take(resumed.resume(file));
    CHECK(resumed.done() == 5);
    const Splats again = finished(std::move(resumed));
    CHECK(again.means == whole.means);
    CHECK(again.sh == whole.sh);
    CHECK(again.quaternions == whole.quaternions);

    ShapeDistiller other = started(2);
    const auto refused = other.resume(file);
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::bad_file);
    CHECK(other.done() == 0);
    take(write_file(file, as_bytes("no state")));
    CHECK(!other.resume(file));
}

TEST_CASE("a shape grows from few splats to its cap, and alike where it was interrupted", "[gpu]") {
    const Growth kind = GENERATE(Growth::adaptive, Growth::relocated);
    CAPTURE(int(kind));
    OnePicturePrior prior(4);
    ShapeSettings s = settings();
    s.steps = 60, s.first = 40, s.splats = 90;
    s.growth = {.kind = kind, .every = 5, .from = 5, .until = 55, .reset_every = 40};
    s.growth.adaptive.gradient = 0, s.growth.adaptive.growth = 0.2f;
    s.growth.adaptive.most_scale = 1;
    s.growth.relocation = {.least_opacity = 0.05f, .growth = 0.2f};
    s.optimiser.noise = 1e3f;
    const auto started = [&] {
        return take(ShapeDistiller::create(test_device(), prior, s, "red"));
    };
    ShapeDistiller whole = started();
    const double first = distance(prior, take(whole.splats()), "red");
    size_t most = 40;
    while (whole.done() < s.steps) {
        take(whole.step());
        const size_t n = take(whole.splats()).size();
        CHECK(n <= 90);
        if (whole.done() <= 5) CHECK(n == 40);
        most = std::max(most, n);
    }
    CHECK(most > 80);
    const Splats splats = take(whole.splats());
    INFO("from " << first << " to " << distance(prior, splats, "red"));
    CHECK(distance(prior, splats, "red") < 0.5 * first);

    const TemporaryFolder folder;
    const std::string file = folder / "state.fit";
    ShapeDistiller interrupted = started();
    while (interrupted.done() < 33) take(interrupted.step());
    take(interrupted.save(file));
    ShapeDistiller resumed = started();
    take(resumed.resume(file));
    CHECK(take(resumed.splats()).size() == take(interrupted.splats()).size());
    while (resumed.done() < s.steps) take(resumed.step());
    const Splats again = take(resumed.splats());
    CHECK(again.means == splats.means);
    CHECK(again.logits == splats.logits);
    CHECK(again.sh == splats.sh);
    check_silent(*test_device());
}

TEST_CASE("a run of one splat and one step is one", "[gpu]") {
    OnePicturePrior prior(4);
    for (const Growth kind : {Growth::none, Growth::adaptive, Growth::relocated}) {
        ShapeSettings s = settings();
        s.steps = 1, s.batch = 1, s.splats = 1;
        s.growth = {.kind = kind, .every = 1, .from = 0, .until = 1, .reset_every = 1};
        ShapeDistiller shape = take(ShapeDistiller::create(test_device(), prior, s, "red"));
        take(shape.step());
        const Splats splats = take(shape.splats());
        REQUIRE(splats.size() == 1);
        for (const auto* part :
             {&splats.means, &splats.log_scales, &splats.quaternions, &splats.logits, &splats.sh})
            for (const float v : *part) CHECK(std::isfinite(v));
    }
}

TEST_CASE("settings that make no run are refused", "[gpu]") {
    OnePicturePrior prior;
    for (int ShapeSettings::*member :
         {&ShapeSettings::steps, &ShapeSettings::batch, &ShapeSettings::strata}) {
        ShapeSettings s = settings();
        s.*member = 0;
        const auto refused = ShapeDistiller::create(test_device(), prior, s, "red");
        REQUIRE(!refused);
        CHECK(refused.error().status == Status::usage);
    }
    for (const auto alter :
         {+[](ShapeSettings& s) { s.first = 301; },
          +[](ShapeSettings& s) { s.growth = {.kind = Growth::relocated, .every = 0}; },
          +[](ShapeSettings& s) { s.growth.relocation.growth = NAN; },
          +[](ShapeSettings& s) { s.growth.adaptive.shrink = 0; },
          +[](ShapeSettings& s) { s.splats = 0; }}) {
        ShapeSettings s = settings();
        alter(s);
        const auto refused = ShapeDistiller::create(test_device(), prior, s, "red");
        REQUIRE(!refused);
        CHECK(refused.error().status == Status::usage);
    }
}

TEST_CASE("a shape looks like a given picture from its side, and is the prior's from others",
          "[gpu]") {
    OnePicturePrior prior(4);
    ShapeSettings s = settings();
    const int size = prior.info().picture_width;
    // A green disc, as large as the prior's, from the left.
    ReferencePicture given{{.azimuth = 90, .elevation = 0, .distance = 2.5, .target = {}},
                           {size, size, 4, {}}};
    given.orbit.field_of_view = 49.1;
    for (int i = 0; i < size * size; i++) {
        const bool in =
            std::hypot(i % size + 0.5 - size / 2., i / size + 0.5 - size / 2.) < size / 4.;
        for (const int v : {20, 200, 20, 255}) given.image.pixels.push_back(uint8_t(in ? v : 0));
    }
    s.pictures = {given};
    s.reference.weight_begin = 3, s.reference.weight_end = 30;   // such a prior is a weak one
    const auto started = [&] {
        return take(ShapeDistiller::create(test_device(), prior, s, "red"));
    };
    ShapeDistiller shape = started();
    const auto first = take(shape.compare());
    const TemporaryFolder folder;
    const std::string file = folder / "state.fit";
    while (shape.done() < kSteps) {
        take(shape.step());
        if (shape.done() == 70) take(shape.save(file));
    }
    const auto last = take(shape.compare());
    INFO("from " << first[0].psnr << " dB, " << first[0].overlap << " to " << last[0].psnr
                 << " dB, " << last[0].overlap);
    CHECK(last[0].psnr > 25);
    CHECK(last[0].overlap > 0.85);
    const Splats whole = take(shape.splats());
    // Red minus green where the shape is, from its front, right and back.
    for (const double azimuth : {0., -90., 180.}) {
        const Image picture = take(shape.picture(
            {.azimuth = azimuth, .distance = 2.5, .target = {}, .field_of_view = 49.1}));
        const uint8_t* middle = &picture.pixels[size_t(size / 2 * size + size / 2) * 3];
        INFO(azimuth);
        CHECK(middle[0] > middle[1] + 60);
    }

    ShapeDistiller resumed = started();
    take(resumed.resume(file));
    while (resumed.done() < kSteps) take(resumed.step());
    const Splats again = take(resumed.splats());
    CHECK(again.means == whole.means);
    CHECK(again.sh == whole.sh);
    s.pictures[0].image.pixels[7] ^= 1;
    CHECK(started().resume(file).error().status == Status::bad_file);
    s.pictures.clear();
    CHECK(started().resume(file).error().status == Status::bad_file);
    CHECK(take(started().compare()).empty());
    check_silent(*test_device());
}
