// The whole way from a prior to splats, with one that knows a single picture.
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "modalities/splat/rasteriser.h"
#include "modalities/splat/shape_distiller.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kSize = 24, kPool = 3, kSide = kSize / kPool;
constexpr size_t kLatent = 3 * kSide * kSide;

// Latents are means of blocks of pixels; texts are the latents of what they stand for, and the
// denoiser knows nothing else.
class OnePicturePrior : public Prior, public PictureEncoder {
public:
    OnePicturePrior() {
        info_ = {.channels = 3,
                 .height = kSide,
                 .width = kSide,
                 .picture_height = kSize,
                 .picture_width = kSize,
                 .prediction = Prediction::v};
    }
    const PriorInfo& info() const override { return info_; }
    const NoiseSchedule& schedule() const override { return schedule_; }
    PictureEncoder& encoder() override { return *this; }
    // A disc of a colour before gray; only the colour differs.
    Result<PromptEmbedding> embed(const std::optional<std::string>& prompt) override {
        const bool red = prompt && prompt->starts_with("red");
        std::vector<float> picture(kSize * kSize * 3, 0.5f);
        for (int y = 0; y < kSize; y++)
            for (int x = 0; x < kSize; x++) {
                const double dx = x + 0.5 - kSize / 2., dy = y + 0.5 - kSize / 2.;
                if (std::hypot(dx, dy) > kSize / 4.) continue;
                float* p = &picture[size_t(y * kSize + x) * 3];
                p[0] = red ? 0.9f : 0.1f, p[1] = 0.1f, p[2] = red ? 0.1f : 0.9f;
            }
        return encode(picture);
    }
    Result<std::vector<Latent>> predict(std::span<const Evaluation> evaluations) override {
        std::vector<Latent> all;
        for (const Evaluation& e : evaluations) {
            const double a = schedule_.alpha_bar(e.timestep), sigma = std::sqrt(1 - a);
            Latent v(kLatent);
            for (size_t k = 0; k < kLatent; k++)   // from x0 = the text
                v[k] = float((std::sqrt(a) * e.latent[k] - (*e.text)[k]) / sigma);
            all.push_back(v);
        }
        return all;
    }
    Result<std::vector<float>> encode(std::span<const float> pictures) override {
        count_ = pictures.size() / info_.picture_size();
        std::vector<float> latents(count_ * kLatent);
        each_pair([&](size_t pixel, size_t latent) {
            latents[latent] += pictures[pixel] / (kPool * kPool);
        });
        return latents;
    }
    Result<std::vector<float>> pull_back(std::span<const float> slopes) override {
        std::vector<float> by_pictures(count_ * info_.picture_size());
        each_pair([&](size_t pixel, size_t latent) {
            by_pictures[pixel] = slopes[latent] / (kPool * kPool);
        });
        return by_pictures;
    }

private:
    template <class F>
    void each_pair(F f) const {
        for (size_t n = 0; n < count_; n++)
            for (size_t y = 0; y < kSize; y++)
                for (size_t x = 0; x < kSize; x++)
                    for (size_t c = 0; c < 3; c++)
                        f(((n * kSize + y) * kSize + x) * 3 + c,
                          ((n * 3 + c) * kSide + y / kPool) * kSide + x / kPool);
    }
    static SchedulerConfig config() {
        SchedulerConfig c;
        c.class_name = "DDIMScheduler";
        c.rescale_betas_zero_snr = true;
        return c;
    }
    NoiseSchedule schedule_ = take(training_schedule(config()));
    PriorInfo info_;
    size_t count_ = 1;
};

ShapeSettings settings() {
    ShapeSettings s{.steps = 120, .batch = 2, .splats = 300, .ball = 0.5, .first_scale = 0.08};
    s.views = {.elevation = {-30, 30}, .distance = {2.5, 2.5}, .overhead = 0};
    s.backdrops = {.darkest = 0.5, .lightest = 0.5};
    s.distillation = {.cfg = 1};
    s.text.repel = 0;
    s.timesteps = {.begin = {0.3, 0.7}, .end = {0.02, 0.3}};
    s.quarter_until = 0, s.half_until = 0.3;
    s.optimiser.rates = {.means = 5e-3f,
                         .means_end = 1e-3f,
                         .means_steps = 120,
                         .log_scales = 0.02f,
                         .quaternions = 0.01f,
                         .logits = 0.1f,
                         .dc = 0.05f};
    return s;
}

// Root mean square distance of the splats' latents from what the text stands for, from around.
double distance(OnePicturePrior& prior, const Splats& splats, const std::string& text) {
    const PromptEmbedding wanted = take(prior.embed(text));
    Rasteriser rasteriser = take(Rasteriser::create(
        test_device(), {.width = kSize, .height = kSize, .splats = uint32_t(splats.size())}));
    take(rasteriser.write(splats));
    double sum = 0;
    for (int azimuth = 0; azimuth < 360; azimuth += 45) {
        const Orbit orbit{.azimuth = double(azimuth), .distance = 2.5, .field_of_view = 49.1};
        take(rasteriser.draw({.camera = orbit_camera(orbit, kSize, kSize)}));
        const auto latents =
            take(prior.encode(before(take(rasteriser.read_image()), std::array{0.5f, 0.5f, 0.5f})));
        for (size_t k = 0; k < kLatent; k++) sum += std::pow(double(latents[k]) - wanted[k], 2);
    }
    return std::sqrt(sum / (8 * kLatent));
}

}   // namespace

TEST_CASE("splats become what a prior of one picture knows, from all sides", "[gpu]") {
    OnePicturePrior prior;
    ShapeDistiller shape =
        take(ShapeDistiller::create(test_device(), prior, prior, settings(), "red"));
    const double first = distance(prior, take(shape.splats()), "red");
    ShapeDistiller::Report report{};
    while (shape.done() < 120) report = take(shape.step());
    CHECK(report.step == 120);
    CHECK(report.alpha > 0.05);
    CHECK(report.alpha < 0.6);
    const Splats splats = take(shape.splats());
    CHECK(splats.antialiased);
    INFO("from " << first << " to " << distance(prior, splats, "red"));
    CHECK(distance(prior, splats, "red") < 0.06);
    CHECK(distance(prior, splats, "blue") > 0.15);
    check_silent(*test_device());
}

TEST_CASE("a run is known by its seed", "[gpu]") {
    OnePicturePrior prior;
    const auto run = [&](uint64_t seed) {
        ShapeSettings s = settings();
        s.seed = seed;
        s.steps = 6;
        ShapeDistiller shape = take(ShapeDistiller::create(test_device(), prior, prior, s, "blue"));
        while (shape.done() < 6) take(shape.step());
        return take(shape.splats());
    };
    const Splats a = run(1), again = run(1), other = run(2);
    CHECK(a.means == again.means);
    CHECK(a.sh == again.sh);
    CHECK(a.means != other.means);
}

TEST_CASE("settings that make no run are refused", "[gpu]") {
    OnePicturePrior prior;
    for (int ShapeSettings::*member : {&ShapeSettings::steps, &ShapeSettings::batch}) {
        ShapeSettings s = settings();
        s.*member = 0;
        const auto refused = ShapeDistiller::create(test_device(), prior, prior, s, "red");
        REQUIRE(!refused);
        CHECK(refused.error().status == Status::usage);
    }
}
