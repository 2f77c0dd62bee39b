#include "modalities/nerf/field_fit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <random>

#include "modalities/nerf/field_file.h"
#include "modalities/nerf/visual_hull.h"
#include "modalities/splat/fit/fit_views.h"
#include "modalities/splat/raster/rasteriser.h"
#include "runtime/base/hash.h"

namespace kiln {
namespace {

constexpr uint32_t kFewestRays = 128, kMostRays = 16384;
constexpr uint32_t kStride = 4;   // of the cells that a refresh looks at

std::string flaw_of(const FieldFitOptions& o) {
    if (o.steps < 1 || o.refresh_every < 1) return "at least one step, also between two refreshes";
    if (o.samples < 1024 || o.samples > (1u << 16)) return "a step takes 1024 to 65536 samples";
    for (const float v : {o.rate, o.rate_end})
        if (!(v > 0) || !std::isfinite(v)) return "rates are finite and above 0";
    if (!(o.coarse >= 1 && o.coarse <= 64)) return "samples begin 1 to 64 times as far apart";
    for (const float v : o.background)
        if (!std::isfinite(v)) return "a background is finite";
    return flaw_of(o.field);
}

// Of the pictures, and of what a state of the fit has to have in common with another.
uint64_t fingerprint_of(std::span<const FitView> views, const FieldFitOptions& o) {
    const FieldOptions& f = o.field;
    const double cube[4] = {f.centre[0], f.centre[1], f.centre[2], f.half};
    const int numbers[8] = {f.levels,  f.entries,     f.coarsest,    f.finest,
                            f.neurons, f.directional, o.march.cells, o.march.steps};
    const uint64_t hash = hash_bytes(std::as_bytes(std::span(cube)), fingerprint_of(views));
    return hash_bytes(std::as_bytes(std::span(numbers)), hash);
}

}   // namespace

struct FieldFit::State {
    std::shared_ptr<Device> device;
    std::vector<FitView> views;
    FieldFitOptions options;
    RadianceField field;
    FieldRenderer renderer;
    Occupancy occupancy;
    uint64_t fingerprint;
    uint32_t rays = kFewestRays;
    double loss = 0;

    struct Batch {
        std::vector<Ray> rays;
        std::vector<std::array<float, 4>> wanted;
        std::vector<std::array<float, 3>> backgrounds;
    };
    Batch batch() const;
    std::vector<float> compare(const Batch& batch, const std::vector<float>& drawn);
    float apart_at(uint32_t step) const;
    Result<void> step();
};

FieldFit::State::Batch FieldFit::State::batch() const {
    std::mt19937_64 random(options.seed + 0x9e3779b97f4a7c15ull * (uint64_t(field.steps()) + 1));
    const auto share = [&] { return float(double(random() >> 40) * 0x1p-24); };
    Batch batch;
    for (uint32_t i = 0; i < rays; i++) {
        const FitView& view = views[random() % views.size()];
        const Image& image = view.image;
        const size_t x = random() % size_t(image.width), y = random() % size_t(image.height);
        const size_t channels = size_t(image.channels);
        const uint8_t* pixel = &image.pixels[(y * size_t(image.width) + x) * channels];
        batch.rays.push_back(
            ray_at(view.camera, double(x) + 0.5, double(y) + 0.5, options.field, share()));
        std::array<float, 4> wanted{0, 0, 0, 1};
        for (size_t c = 0; c < channels; c++) wanted[c] = float(pixel[c]) / 255;
        batch.wanted.push_back(wanted);
        std::array<float, 3> background = options.background;
        if (channels == 4) background = {share(), share(), share()};
        batch.backgrounds.push_back(background);
    }
    return batch;
}

// The slopes of the mean squared difference, of what was drawn before black.
std::vector<float> FieldFit::State::compare(const Batch& batch, const std::vector<float>& drawn) {
    std::vector<float> slopes(drawn.size());
    const size_t n = batch.rays.size();
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float *pixel = &drawn[i * kChannels], alpha = pixel[3];
        double by_alpha = 0;
        for (size_t c = 0; c < 3; c++) {
            const double behind = double(batch.backgrounds[i][c]);
            const double difference = double(pixel[c]) - double(batch.wanted[i][c]) +
                                      (double(batch.wanted[i][3]) - double(alpha)) * behind;
            const double slope = 2 * difference / double(3 * n);
            sum += difference * difference;
            slopes[i * kChannels + c] = float(slope);
            by_alpha -= slope * behind;
        }
        slopes[i * kChannels + 3] = float(by_alpha);
    }
    loss = sum / double(3 * n);
    return slopes;
}

float FieldFit::State::apart_at(uint32_t step) const {
    const uint32_t each = options.coarse_steps ? options.coarse_steps : options.steps / 10 + 1;
    return std::max(1.0f, std::ldexp(options.coarse, -int(std::min(step / each, 100u))));
}

Result<void> FieldFit::State::step() {
    const uint32_t at = field.steps();
    if (at >= options.refresh_from && at % options.refresh_every == 0) {
        const bool first = at < options.refresh_from + options.refresh_every;
        if (auto done = occupancy.refresh(renderer, at / options.refresh_every, first ? 1 : kStride,
                                          options.seed);
            !done)
            return done;
    }
    const Batch now = batch();
    if (auto done = renderer.draw(now.rays, {}, apart_at(at)); !done) return done;
    const auto drawn = renderer.read_image();
    if (!drawn) return drawn.error();
    if (auto done = renderer.differentiate(compare(now, *drawn)); !done) return done;
    const double progress = double(at) / options.steps;
    const double rate =
        double(options.rate) * std::pow(double(options.rate_end) / double(options.rate), progress);
    // As many rays next time as would have had the samples that are wanted, little by little.
    const double fitting = double(rays) * options.samples / double(renderer.samples() + 1);
    rays = uint32_t(std::clamp(0.5 * (double(rays) + fitting), 0.8 * rays, 1.25 * rays));
    rays = std::clamp(rays, kFewestRays, kMostRays);
    return field.step(float(rate));
}

Result<FieldFit> FieldFit::create(std::shared_ptr<Device> device, std::vector<FitView> views,
                                  const FieldFitOptions& options) {
    std::string flaw = flaw_of(options);
    if (flaw.empty()) flaw = flaw_of(views);
    if (!flaw.empty()) return Error{Status::usage, "fit of a radiance field: " + flaw};
    auto field = RadianceField::create(device, options.field, options.adam);
    if (!field) return field.error();
    MarchOptions march = options.march;
    march.rays = kMostRays;
    march.samples = std::max(options.samples + options.samples / 2, 4096u);   // some have more
    for (const FitView& view : views)
        march.rays = std::max(march.rays, uint32_t(view.image.width) * uint32_t(view.image.height));
    auto renderer = FieldRenderer::create(*field, march);
    if (!renderer) return renderer.error();
    Occupancy occupancy(march.cells, march.steps, visual_hull(views, options.field, march.cells));
    if (auto done = renderer->set_occupied(occupancy.bits()); !done) return done.error();
    const uint64_t fingerprint = fingerprint_of(views, options);
    return FieldFit(std::make_unique<State>(State{std::move(device), std::move(views), options,
                                                  std::move(*field), std::move(*renderer),
                                                  std::move(occupancy), fingerprint}));
}

FieldFit::FieldFit(std::unique_ptr<State> state) : state_(std::move(state)) {}
FieldFit::FieldFit(FieldFit&&) noexcept = default;
FieldFit& FieldFit::operator=(FieldFit&&) noexcept = default;
FieldFit::~FieldFit() = default;

Result<void> FieldFit::step() { return state_->step(); }
bool FieldFit::done() const { return steps() >= state_->options.steps; }
uint32_t FieldFit::steps() const { return state_->field.steps(); }
double FieldFit::loss() const { return state_->loss; }
uint32_t FieldFit::rays() const { return state_->rays; }
const std::vector<FitView>& FieldFit::views() const { return state_->views; }
double FieldFit::occupied() const { return state_->occupancy.share(); }
std::span<const uint32_t> FieldFit::cells() const { return state_->occupancy.bits(); }
RadianceField& FieldFit::field() { return state_->field; }
FieldRenderer& FieldFit::renderer() { return state_->renderer; }

Result<void> FieldFit::save(const std::string& path) const {
    const State& s = *state_;
    auto field = s.field.state();
    if (!field) return field.error();
    const std::span<const float> densities = s.occupancy.densities();
    const std::span<const uint32_t> bits = s.occupancy.bits();
    return write_field(path, {.origin = s.fingerprint,
                              .rays = s.rays,
                              .field = std::move(*field),
                              .densities = {densities.begin(), densities.end()},
                              .occupied = {bits.begin(), bits.end()}});
}

Result<void> FieldFit::resume(const std::string& path) {
    State& s = *state_;
    auto file = read_field(path, {s.field.layout().end(), s.occupancy.densities().size()});
    if (!file) return file.error();
    if (file->origin != s.fingerprint)
        return Error{Status::bad_file,
                     path + ": it was saved by a fit of other pictures, or of another field"};
    Occupancy occupancy = s.occupancy;
    if (file->rays < kFewestRays || file->rays > kMostRays ||
        !occupancy.restore(std::move(file->densities), std::move(file->occupied)))
        return Error{Status::bad_file, path + ": rays or cells that cannot be"};
    if (auto done = s.renderer.set_occupied(occupancy.bits()); !done) return done;
    s.occupancy = std::move(occupancy), s.rays = file->rays;
    return s.field.restore(file->field);
}

Result<std::vector<float>> FieldFit::draw(const Camera& camera, int width, int height,
                                          const std::array<float, 3>& background) {
    FieldRenderer& renderer = state_->renderer;
    const std::vector<Ray> rays = rays_of(camera, width, height, state_->options.field);
    if (auto done = renderer.draw(rays, background); !done) return done.error();
    const auto image = renderer.read_image();
    if (!image) return image.error();
    std::vector<float> pixels(image->size() / kChannels * 3);
    for (size_t i = 0; i < pixels.size(); i++) pixels[i] = (*image)[i / 3 * kChannels + i % 3];
    return pixels;
}

Result<Fit::Quality> FieldFit::compare(const FitView& view) {
    if (const std::string flaw = flaw_of(std::span(&view, 1)); !flaw.empty())
        return Error{Status::usage, "fit of a radiance field: " + flaw};
    State& s = *state_;
    const int width = view.image.width, height = view.image.height;
    const std::array<float, 3>& background = s.options.background;
    const auto drawn = draw(view.camera, width, height, background);
    if (!drawn) return drawn.error();
    auto loss = PictureLoss::create(s.device, width, height);
    if (!loss) return loss.error();
    const std::vector<float> wanted = target_of(view, 1);
    if (auto done = loss->set_target(wanted); !done) return done.error();
    const uint64_t bytes = uint64_t(width) * uint64_t(height) * kChannels * 4;
    if (auto done = loss->run(s.renderer.image().slice(0, bytes),
                              s.renderer.slopes().slice(0, bytes), background);
        !done)
        return done.error();
    const auto values = loss->values();
    if (!values) return values.error();
    return Fit::Quality{psnr(*drawn, wanted, background), 1 - values->dissimilarity};
}

}   // namespace kiln
