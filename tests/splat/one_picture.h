// A prior that knows a single picture, and shapes distilled from it.
#pragma once
#include <cmath>

#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/distillation/shape_distiller.h"
#include "tests/support/device.h"

namespace kiln::test {

constexpr int kSide = 8;   // of latents
constexpr size_t kLatent = 3 * kSide * kSide;
constexpr int kSteps = 120;

// Latents are means of blocks of pixels; texts are the latents of what they stand for, and the
// denoiser knows nothing else.
class OnePicturePrior : public Prior, public PictureEncoder {
public:
    // Of blocks of pool x pool pixels.
    explicit OnePicturePrior(int pool = 3) : pool_(size_t(pool)) {
        info_ = {.channels = 3,
                 .height = kSide,
                 .width = kSide,
                 .picture_height = kSide * pool,
                 .picture_width = kSide * pool,
                 .prediction = Prediction::v};
    }
    const PriorInfo& info() const override { return info_; }
    const NoiseSchedule& schedule() const override { return schedule_; }
    PictureEncoder& encoder() override { return *this; }
    // A disc of a colour before gray; only the colour differs.
    Result<PromptEmbedding> embed(const std::optional<std::string>& prompt) override {
        const bool red = prompt && prompt->starts_with("red");
        const int size = info_.picture_width;
        std::vector<float> picture(info_.picture_size(), 0.5f);
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) {
                const double dx = x + 0.5 - size / 2., dy = y + 0.5 - size / 2.;
                if (std::hypot(dx, dy) > size / 4.) continue;
                float* p = &picture[size_t(y * size + x) * 3];
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
        encoded++;
        count_ = pictures.size() / info_.picture_size();
        std::vector<float> latents(count_ * kLatent);
        each_pair([&](size_t pixel, size_t latent) {
            latents[latent] += pictures[pixel] / float(pool_ * pool_);
        });
        return latents;
    }
    Result<std::vector<float>> pull_back(std::span<const float> slopes) override {
        std::vector<float> by_pictures(count_ * info_.picture_size());
        each_pair([&](size_t pixel, size_t latent) {
            by_pictures[pixel] = slopes[latent] / float(pool_ * pool_);
        });
        return by_pictures;
    }

    int encoded = 0;

private:
    template <class F>
    void each_pair(F f) const {
        const size_t size = kSide * pool_;
        for (size_t n = 0; n < count_; n++)
            for (size_t y = 0; y < size; y++)
                for (size_t x = 0; x < size; x++)
                    for (size_t c = 0; c < 3; c++)
                        f(((n * size + y) * size + x) * 3 + c,
                          ((n * 3 + c) * kSide + y / pool_) * kSide + x / pool_);
    }
    static SchedulerConfig config() {
        SchedulerConfig c;
        c.class_name = "DDIMScheduler";
        c.rescale_betas_zero_snr = true;
        return c;
    }
    NoiseSchedule schedule_ = take(training_schedule(config()));
    PriorInfo info_;
    size_t pool_, count_ = 1;
};

inline ShapeSettings settings() {
    ShapeSettings s{.steps = kSteps, .batch = 2, .splats = 300, .ball = 0.5};
    s.views = {.elevation = {-30, 30}, .distance = {2.5, 2.5}, .overhead = 0};
    s.backdrops = {.darkest = 0.5, .lightest = 0.5};
    s.distillation = {.cfg = 1};
    s.text.repel = 0;
    s.timesteps = {.begin = {0.3, 0.7}, .end = {0.02, 0.3}};
    s.quarter_until = 0, s.half_until = 0.3;
    s.antialiased = true;
    s.optimiser.rates = {.means = 5e-3f,
                         .means_end = 1e-3f,
                         .means_steps = kSteps,
                         .log_scales = 0.02f,
                         .quaternions = 0.01f,
                         .logits = 0.1f,
                         .dc = 0.05f};
    return s;
}

// Root mean square distance of the splats' latents from what the text stands for, from around.
inline double distance(OnePicturePrior& prior, const Splats& splats, const std::string& text) {
    const PromptEmbedding wanted = take(prior.embed(text));
    const int size = prior.info().picture_width;
    Rasteriser rasteriser = take(Rasteriser::create(
        test_device(), {.width = size, .height = size, .splats = uint32_t(splats.size())}));
    take(rasteriser.write(splats));
    double sum = 0;
    for (int azimuth = 0; azimuth < 360; azimuth += 45) {
        const Orbit orbit{.azimuth = double(azimuth), .distance = 2.5, .field_of_view = 49.1};
        take(rasteriser.draw({.camera = orbit_camera(orbit, size, size)}));
        const auto latents =
            take(prior.encode(before(take(rasteriser.read_image()), std::array{0.5f, 0.5f, 0.5f})));
        for (size_t k = 0; k < kLatent; k++) sum += std::pow(double(latents[k]) - wanted[k], 2);
    }
    return std::sqrt(sum / (8 * kLatent));
}

}   // namespace kiln::test
