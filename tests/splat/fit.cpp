// Fits to pictures of a known object: how well it is found again, that interruptions leave no
// trace, and that neither pictures nor files of any kind do harm.
#include <catch2/generators/catch_generators_all.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "modalities/splat/fit/fit_file.h"
#include "modalities/splat/fit/fit_views.h"
#include "runtime/io/file.h"
#include "tests/splat/refit.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() /
                                 ("kiln_fit_" + std::to_string(std::random_device{}()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const char* name) const { return (path / name).string(); }
};

void run(Fit& fit, uint32_t until) {
    while (fit.steps() < until) take(fit.step());
}

bool same(const Splats& a, const Splats& b) {
    return a.means == b.means && a.log_scales == b.log_scales && a.quaternions == b.quaternions &&
           a.logits == b.logits && a.sh == b.sh;
}

// Few steps in which everything happens that can.
FitOptions eventful(Growth growth) {
    FitOptions o = quick_options(40);
    if (growth == Growth::relocated) o = relocating(o);
    o.growth.kind = growth;
    o.sh_degree = 2, o.sh_every = 9;
    o.coarse = 2, o.coarse_steps = 12;
    o.growth.every = 4, o.growth.from = 3, o.growth.until = 33, o.growth.reset_every = 16;
    o.growth.adaptive.gradient = 5e-5f;
    o.growth.relocation.least_opacity = 0.09f;
    o.growth.most = 170;
    return o;
}

}   // namespace

TEST_CASE("a known object is found again from noise", "[gpu]") {
    auto device = test_device();
    const Splats object = known_object();
    const std::vector<FitView> views = pictures_of(device, object, 32, 24);
    FitOptions options = quick_options(500);
    options.summation = GENERATE(Summation::gather, Summation::atomics);
    options.optimiser.rates.dc = 3e-2f;
    Fit fit = take(Fit::create(device, views, noise(500), options));
    run(fit, 500);
    CHECK(fit.done());
    const double psnr = mean_psnr(fit, pictures_of(device, object, 32, 6, 0.37));
    INFO(psnr << " dB where it was not learnt from");
    CHECK(psnr > 35);
    check_silent(*device);
}

TEST_CASE("a known object is found again to 35 dB by every kind of growth", "[gpu][nightly]") {
    auto device = test_device();
    const Growth growth = GENERATE(Growth::none, Growth::adaptive, Growth::relocated);
    const Splats object = known_object();
    const std::vector<FitView> views = pictures_of(device, object, 64, 32);
    FitOptions options = quick_options(1500);
    if (growth == Growth::relocated) options = relocating(options);
    options.growth.kind = growth;
    options.optimiser.noise /= 12;   // as much as their rate is above the usual one
    options.growth.from = 100, options.growth.every = 50, options.growth.reset_every = 0;
    options.growth.most = 1200;
    Fit fit = take(Fit::create(device, views, noise(400), options));
    run(fit, 1500);
    const double psnr = mean_psnr(fit, pictures_of(device, object, 64, 8, 0.37));
    INFO(int(growth) << ": " << psnr << " dB with " << fit.count() << " splats");
    CHECK(psnr > 35);
}

TEST_CASE("growth finds what few splats cannot, within its cap", "[gpu]") {
    auto device = test_device();
    const Splats object = known_object(120);
    const std::vector<FitView> views = pictures_of(device, object, 32, 16),
                               others = pictures_of(device, object, 32, 4, 0.37);
    const auto psnr = [&](Growth growth) {
        FitOptions options = quick_options(240);
        if (growth == Growth::relocated) options = relocating(options);
        options.growth.kind = growth;
        options.optimiser.noise /= 12;
        options.growth.from = 20, options.growth.every = 10, options.growth.until = 180;
        options.growth.reset_every = 0;
        options.growth.relocation.growth = 0.15f;
        options.growth.most = 160;
        Fit fit = take(Fit::create(device, views, noise(25), options));
        for (int k = 0; !fit.done(); k++) {
            take(fit.step());
            if (k % 50 == 0) CHECK(sound(take(fit.splats())));
        }
        CHECK(fit.count() <= 160);
        CHECK((growth == Growth::none ? fit.count() == 25 : fit.count() > 60));
        return mean_psnr(fit, others);
    };
    const double none = psnr(Growth::none), adaptive = psnr(Growth::adaptive),
                 relocated = psnr(Growth::relocated);
    INFO(none << ", " << adaptive << " and " << relocated << " dB");
    CHECK(adaptive > none + 2);
    CHECK(relocated > none + 1);
}

TEST_CASE("an interrupted fit that resumes makes the same bits", "[gpu]") {
    const Growth growth = GENERATE(Growth::none, Growth::adaptive, Growth::relocated);
    INFO(int(growth));
    auto device = test_device();
    const Folder folder;
    const std::string path = folder.file("fit.safetensors");
    const std::vector<FitView> views = pictures_of(device, known_object(80), 32, 5);
    const FitOptions options = eventful(growth);
    const auto fresh = [&] { return take(Fit::create(device, views, noise(60), options)); };
    Fit whole = fresh();
    run(whole, 40);
    Fit first = fresh();
    run(first, 19);
    take(first.save(path));
    const Splats halfway = take(first.splats());
    Fit second = fresh();
    run(second, 2);
    take(second.resume(path));
    CHECK(second.steps() == 19);
    CHECK(same(take(second.splats()), halfway));
    run(second, 40);
    CHECK(second.count() == whole.count());
    CHECK((growth == Growth::none) == (whole.count() == 60));
    CHECK(same(take(second.splats()), take(whole.splats())));
    CHECK(second.loss().total == whole.loss().total);
    // Looking at it in between changes nothing.
    Fit watched = fresh();
    while (!watched.done()) {
        if (watched.steps() % 7 == 0) take(watched.compare(views[1]));
        if (watched.steps() % 9 == 0) take(watched.draw(views[0].camera, 20, 18, {}));
        take(watched.step());
    }
    CHECK(same(take(watched.splats()), take(whole.splats())));
}

TEST_CASE("files that are no state of this fit are errors and change nothing", "[gpu]") {
    auto device = test_device();
    const Folder folder;
    const std::string path = folder.file("fit.safetensors"), broken = folder.file("broken");
    const std::vector<FitView> views = pictures_of(device, known_object(40), 24, 3);
    const FitOptions options = eventful(Growth::none);
    Fit fit = take(Fit::create(device, views, noise(30), options));
    run(fit, 3);
    take(fit.save(path));
    run(fit, 5);
    const Splats before = take(fit.splats());
    const auto refused = [&](const std::string& from, Fit& by) {
        const Result<void> done = by.resume(from);
        return !done && done.error().status == Status::bad_file;
    };
    const std::string good = take(read_file(path));
    const auto refuses = [&](const std::string& bytes) {
        take(write_file(broken, as_bytes(bytes)));
        return refused(broken, fit);
    };
    for (size_t length = 0; length < good.size(); length += 1 + length / 7)
        CHECK(refuses(good.substr(0, length)));
    CHECK(refuses(good + "x"));
    const FitFile file = take(read_fit(path, 2, 100));
    const auto altered = [&](const auto& alter) {
        FitFile other = file;
        alter(other);
        take(write_fit(broken, other));
        return refused(broken, fit);
    };
    CHECK(altered([](FitFile& f) { f.cloud.splats.sh[5] = NAN; }));
    CHECK(altered([](FitFile& f) { f.cloud.memory.first.means[0] = INFINITY; }));
    CHECK(altered([](FitFile& f) { f.cloud.memory.second.logits[2] = -1; }));
    CHECK(altered([](FitFile& f) { f.cloud.memory.pictures[1] = -2; }));
    CHECK(altered([](FitFile& f) { std::fill_n(f.cloud.splats.quaternions.begin(), 4, 0.0f); }));
    CHECK(altered([](FitFile& f) { f.views++; }));
    CHECK(refused(folder.file("missing"), fit));
    CHECK_FALSE(read_fit(path, 2, 29).ok());
    FitOptions flat = options;
    flat.sh_degree = 1;
    Fit other = take(Fit::create(device, views, noise(30), flat));
    CHECK(refused(path, other));
    CHECK(same(take(fit.splats()), before));
    CHECK(fit.steps() == 5);
    std::mt19937 random(7);
    for (int trial = 0; trial < 200; trial++) {   // whatever it says, it does not crash
        std::string bytes = good;
        bytes[random() % (trial % 2 ? bytes.size() : 1200)] = char(random());
        take(write_file(broken, as_bytes(bytes)));
        (void)fit.resume(broken);
    }
    take(fit.step());
}

TEST_CASE("a fit without memory for more splats stays as it is", "[gpu]") {
    DeviceOptions limited = device_options();
    limited.memory_limit = 12u << 20;
    auto device = open_device(limited);
    const Folder folder;
    const std::string path = folder.file("fit.safetensors");
    const std::vector<FitView> views = pictures_of(device, known_object(40), 24, 3);
    FitOptions options = quick_options(9);
    options.growth.most = 100000;
    Fit fit = take(Fit::create(device, views, noise(30), options));
    run(fit, 3);
    take(fit.save(path));
    FitFile file = take(read_fit(path, 0, 30));
    Cloud& c = file.cloud;
    c.splats = noise(60000);
    c.memory.first = c.memory.second = make_splats(60000, 0);
    c.memory.lengths.assign(60000, 0), c.memory.pictures.assign(60000, 0);
    take(write_fit(path, file));
    const Splats before = take(fit.splats());
    const Result<void> done = fit.resume(path);
    REQUIRE_FALSE(done.ok());
    CHECK(done.error().status == Status::out_of_memory);
    CHECK(same(take(fit.splats()), before));
    run(fit, 5);
    CHECK(fit.count() == 30);
}

TEST_CASE("harmonics are fitted degree by degree, pictures get larger", "[gpu]") {
    auto device = test_device();
    const std::vector<FitView> views = pictures_of(device, known_object(60), 64, 4);
    FitOptions options = quick_options(30);
    options.sh_degree = 2, options.sh_every = 5;
    options.coarse = 4, options.coarse_steps = 3;
    Fit fit = take(Fit::create(device, views, noise(50), options));
    const auto moved = [&](size_t from, size_t end) {
        const Splats splats = take(fit.splats());
        float most = 0;
        for (size_t i = 0; i < splats.size(); i++)
            for (size_t k = from * 3; k < end * 3; k++)
                most = std::max(most, std::abs(splats.sh[i * 27 + k]));
        return most > 0;
    };
    CHECK(fit.factor() == 4);
    run(fit, 3);
    CHECK(fit.factor() == 2);
    run(fit, 5);
    CHECK(moved(0, 1));
    CHECK_FALSE(moved(1, 9));
    run(fit, 10);
    CHECK(fit.factor() == 1);
    CHECK(moved(1, 4));
    CHECK_FALSE(moved(4, 9));
    run(fit, 12);
    CHECK(moved(4, 9));
}

TEST_CASE("a smaller target is what a camera with larger pixels sees", "[gpu]") {
    auto device = test_device();
    const Splats object = known_object(60);
    const FitView view = pictures_of(device, object, 67, 1).front();
    const std::vector<float> smaller = target_of(view, 4), whole = target_of(view, 1);
    REQUIRE(smaller.size() == 16 * 16 * 4);
    double sum = 0;
    for (size_t dy = 0; dy < 4; dy++)
        for (size_t dx = 0; dx < 4; dx++)
            sum += double(whole[((4 * 7 + dy) * 67 + 4 * 9 + dx) * 4 + 1]) / 16;
    CHECK_THAT(smaller[(7 * 16 + 9) * 4 + 1], Catch::Matchers::WithinAbs(sum, 1e-6));
    RasterOptions options{.width = 16, .height = 16, .splats = 60};
    Rasteriser rasteriser = take(Rasteriser::create(device, options));
    take(rasteriser.write(object));
    take(rasteriser.draw({scaled(view.camera, 4), {}}));
    const std::vector<float> image = take(rasteriser.read_image());
    double error = 0;
    for (size_t i = 0; i < smaller.size(); i++) {
        const double d = double(image[i / 4 * kChannels + i % 4]) - double(smaller[i]);
        error += d * d / double(smaller.size());
    }
    CHECK(std::sqrt(error) < 0.03);
}

TEST_CASE("pictures of any sizes and kinds are learnt from together", "[gpu]") {
    auto device = test_device();
    const Splats object = known_object(60);
    std::vector<FitView> views = pictures_of(device, object, 24, 3);
    for (const int size : {19, 33}) views.push_back(pictures_of(device, object, size, 1).front());
    FitView& opaque = views.back();   // without alpha, on black
    std::vector<uint8_t> rgb;
    for (size_t i = 0; i < opaque.image.pixels.size(); i++)
        if (i % 4 < 3) rgb.push_back(opaque.image.pixels[i]);
    opaque.image.pixels = rgb;
    opaque.image.channels = 3;
    Fit fit = take(Fit::create(device, views, noise(80), quick_options(120)));
    const double before = mean_psnr(fit, views);
    run(fit, 120);
    CHECK(mean_psnr(fit, views) > before + 8);
}

TEST_CASE("pictures that were exposed differently are reconciled on request", "[gpu]") {
    auto device = test_device();
    const Splats object = known_object(100);
    std::vector<FitView> views = pictures_of(device, object, 32, 12),
                         others = pictures_of(device, object, 32, 4, 0.37);
    const auto expose = [](FitView& view, float gain) {
        std::vector<uint8_t> rgb;
        for (size_t i = 0; i < view.image.pixels.size(); i++) {
            const float value = gain * float(view.image.pixels[i]);
            if (i % 4 < 3) rgb.push_back(uint8_t(std::min(std::lround(value), 255l)));
        }
        view.image.pixels = rgb;
        view.image.channels = 3;
    };
    for (size_t i = 0; i < views.size(); i++) expose(views[i], i % 2 ? 0.7f : 1);
    for (FitView& view : others) expose(view, 0.85f);
    const Folder folder;
    const auto psnr = [&](bool exposure) {
        FitOptions options = quick_options(140);
        options.exposure = exposure;
        options.exposure_rate = options.exposure_rate_end = 2e-2f;
        Fit fit = take(Fit::create(device, views, noise(120), options));
        run(fit, 70);
        take(fit.save(folder.file("fit")));
        Fit again = take(Fit::create(device, views, noise(120), options));
        take(again.resume(folder.file("fit")));
        run(fit, 140), run(again, 140);
        CHECK(same(take(fit.splats()), take(again.splats())));
        CHECK(again.exposure(1).gain == fit.exposure(1).gain);
        const float ratio = fit.exposure(1).gain[1] / fit.exposure(0).gain[1];
        CHECK((exposure ? std::abs(ratio - 0.7f) < 0.07f : ratio == 1));
        return mean_psnr(fit, others);
    };
    const double without = psnr(false), with = psnr(true);
    INFO(without << " and " << with << " dB");
    CHECK(with > without);
}

TEST_CASE("fits that cannot be are errors that say what is wrong", "[gpu]") {
    auto device = test_device();
    const std::vector<FitView> good = pictures_of(device, known_object(9), 16, 2);
    const auto message = [&](const auto& alter) {
        std::vector<FitView> views = good;
        Splats splats = noise(9);
        FitOptions options = quick_options(3);
        alter(views, splats, options);
        const Result<Fit> fit = Fit::create(device, std::move(views), splats, options);
        return fit ? "" : fit.error().status == Status::usage ? fit.error().message : "another";
    };
    using V = std::vector<FitView>;
    const auto has = [](const std::string& text, const char* part) {
        INFO(text);
        return text.find(part) != std::string::npos;
    };
    CHECK(message([](V&, Splats&, FitOptions&) {}).empty());
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v.clear(); }), "no pictures"));
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v[1].camera.fx = NAN; }), "picture 2"));
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v[0].camera.fy = 0; }), "picture 1"));
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v[0].image.pixels.pop_back(); }),
              "as many values"));
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v[1].image.width = 4; }), "4 x 16"));
    CHECK(has(message([](V& v, Splats&, FitOptions&) { v[1].image.channels = 1; }), "RGB"));
    CHECK(has(message([](V&, Splats& s, FitOptions&) { s = make_splats(0, 0); }), "not 0"));
    CHECK(has(message([](V&, Splats& s, FitOptions&) { s.means[4] = INFINITY; }), "finite"));
    CHECK(has(message([](V&, Splats& s, FitOptions&) { s.sh.pop_back(); }), "finite"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.growth.most = 8; }), "not 9"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.coarse = 3; }), "1, 2, 4 or 8"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.loss.ssim = 2; }), "similarity"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.optimiser.rates.dc = -1; }), "rates"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.steps = 0; }), "step"));
    CHECK(has(message([](V&, Splats&, FitOptions& o) { o.exposure_rate_end = 0; }), "exposures"));
}
