// Shapes that are their own mirror image, and how that is known.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "modalities/splat/initial.h"
#include "modalities/splat/symmetry.h"
#include "tests/io/files.h"
#include "tests/splat/one_picture.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// The same as in that mirror that makes x of -x.
Splats mirror_image(Splats splats) {
    for (size_t i = 0; i < splats.size(); i++) {
        splats.means[i * 3] *= -1;
        splats.quaternions[i * 4 + 2] *= -1, splats.quaternions[i * 4 + 3] *= -1;
    }
    return splats;
}

}   // namespace

TEST_CASE("a mirrored camera sees the mirror image", "[gpu]") {
    Splats splats = random_splats(60, {0.1f, 0, 0}, {0.4f, 0.3f, 0.5f}, Region::ball, 7);
    for (size_t i = 0; i < splats.size() * 3; i++)
        splats.log_scales[i] += float(i % 5) * 0.3f, splats.sh[i] = float(i % 7) * 0.2f;
    for (size_t i = 0; i < splats.size() * 4; i++) splats.quaternions[i] += float(i % 3) * 0.4f;
    const Orbit orbit{.azimuth = 35, .elevation = 20, .distance = 2.5, .target = {0.1, 0, 0.2}};
    const Camera camera = orbit_camera(orbit, 40, 40);
    const auto drawn = [&](const Splats& what, const Camera& by) {
        Rasteriser rasteriser = take(Rasteriser::create(
            test_device(), {.width = 40, .height = 40, .splats = uint32_t(what.size())}));
        take(rasteriser.write(what));
        take(rasteriser.draw({.camera = by}));
        return take(rasteriser.read_image());
    };
    const std::vector<float> image = drawn(mirror_image(splats), camera),
                             same = drawn(splats, mirrored(camera)), other = drawn(splats, camera);
    double most = 0, least = 0;
    for (size_t k = 0; k < image.size(); k++) {
        if (k % kChannels >= size_t(Channel::depth)) continue;
        most = std::max(most, std::abs(double(image[k]) - same[k]));
        least = std::max(least, std::abs(double(image[k]) - other[k]));
    }
    CHECK(most < 1e-5);
    CHECK(least > 0.1);
    CHECK(mirrored(mirrored(camera)).rotation == camera.rotation);
}

TEST_CASE("a shape that is its own mirror image shows the other side what one side shows",
          "[gpu]") {
    OnePicturePrior prior(4);
    ShapeSettings s = settings();
    s.views.azimuth = {20, 60};
    const auto made = [&](bool mirrored) {
        s.symmetry = mirrored ? ShapeSettings::Symmetry::mirror : ShapeSettings::Symmetry::none;
        ShapeDistiller shape =
            take(ShapeDistiller::create(test_device(), prior, s, "red on the left"));
        while (shape.done() < s.steps) take(shape.step());
        return take(shape.splats());
    };
    const Splats one = made(false), both = made(true);
    const auto away = [&](const Splats& splats) {
        return distance(prior, splats, "red on the left", s.views.azimuth);
    };
    INFO(away(one) << ' ' << away(mirror_image(one)) << ' ' << away(both) << ' '
                   << away(mirror_image(both)));
    CHECK(away(one) < 0.06);
    CHECK(away(mirror_image(one)) > 0.1);
    CHECK(away(both) < 0.06);
    CHECK(away(mirror_image(both)) < 0.06);
    check_silent(*test_device());
}

TEST_CASE("latents are lopsided as far as they are not their mirror image") {
    const PriorInfo info{.channels = 2, .height = 6, .width = 8};
    Latent latent(info.latent_size(), 0.4f);
    const auto set = [&](int x, float value) { latent[size_t(8 * 6 + 2 * 8 + x)] = value; };
    CHECK(lopsidedness(info, latent) == 0);
    set(3, 2), set(4, 2);
    CHECK(lopsidedness(info, latent) < 1e-12);
    set(4, 0.4f), set(3, 0.4f), set(5, 2);   // beyond a shift of one column
    const double one = lopsidedness(info, latent);
    CHECK(one > 0.5);
    for (float& v : latent) v = 3 * v + 1;
    CHECK(std::abs(lopsidedness(info, latent) - one) < 1e-6);
}

TEST_CASE("a thing is symmetric unless its front and its back are lopsided") {
    OnePicturePrior prior(4);
    const auto symmetric = [&](const std::string& prompt) {
        const ViewTexts texts = take(ViewTexts::embed(prior, prompt, {}, {}));
        return take(is_symmetric(prior, texts, {.candidates = 3, .samples = 4, .cfg = 1}, 5));
    };
    CHECK(symmetric("red"));
    CHECK(symmetric("red on the left"));   // from all sides: none is the odd one
    CHECK_FALSE(symmetric("red mug"));     // but its sides are
}

TEST_CASE("a mirrored run goes on as if never interrupted, and by itself", "[gpu]") {
    OnePicturePrior prior(4);
    ShapeSettings s = settings();
    s.steps = 6, s.symmetry = ShapeSettings::Symmetry::automatic;
    const auto started = [&](const std::string& prompt) {
        return take(ShapeDistiller::create(test_device(), prior, s, prompt));
    };
    const auto finished = [&](ShapeDistiller shape) {
        while (shape.done() < s.steps) take(shape.step());
        return take(shape.splats());
    };
    const Splats whole = finished(started("red"));
    const TemporaryFolder folder;
    const std::string file = folder / "state.fit";
    ShapeDistiller interrupted = started("red");
    while (interrupted.done() < 3) take(interrupted.step());
    take(interrupted.save(file));
    ShapeDistiller resumed = started("red");
    take(resumed.resume(file));
    const Splats again = finished(std::move(resumed));
    CHECK(again.means == whole.means);
    CHECK(again.logits == whole.logits);
    CHECK(again.sh == whole.sh);

    const Splats mug = finished(started("red mug"));
    s.symmetry = ShapeSettings::Symmetry::mirror;
    CHECK(finished(started("red")).means == whole.means);
    CHECK(finished(started("red mug")).means != mug.means);
    ShapeDistiller other = started("red");
    CHECK(!other.resume(file));   // of another symmetry
    s.symmetry = ShapeSettings::Symmetry::none;
    CHECK(finished(started("red")).means != whole.means);
    CHECK(finished(started("red mug")).means == mug.means);
    check_silent(*test_device());
}
