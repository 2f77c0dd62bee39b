#include "modalities/splat/distillation/reference_picture.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "modalities/splat/distillation/backdrop.h"
#include "modalities/splat/fit/draws.h"
#include "runtime/base/hash.h"

namespace kiln {
namespace {

constexpr int kLeastSide = 16;
constexpr uint64_t kBehindSeed = 0x72656665, kPlaceSeed = 0x706c6163;
constexpr int kTries = 400;   // to find a place for a splat

std::string flaw_of(const Orbit& o) {
    double sum = o.azimuth;
    for (const double x : o.target) sum += x;
    if (!std::isfinite(sum) || !(o.elevation >= -90 && o.elevation <= 90))
        return "has angles that are not finite, or an elevation beyond 90 degrees";
    if (!(o.distance > 0) || !std::isfinite(o.distance) ||
        !(o.field_of_view > 0 && o.field_of_view < 180))
        return "is from no distance, or of no field of view";
    return "";
}

std::string flaw_of(const ReferencePicture& p, int size) {
    if (p.image.channels != 4 || p.image.width != p.image.height || p.image.width != size ||
        p.image.pixels.size() != size_t(size) * size_t(size) * 4)
        return "is no square in RGBA, or not of the first one's size";
    if (size < kLeastSide) return "has less than 16 pixels a side";
    if (!(p.weight >= 0) || !std::isfinite(p.weight)) return "has a weight that is no number";
    return flaw_of(p.orbit);
}

}   // namespace

struct ReferenceLoss::State {
    std::shared_ptr<Device> device;
    std::vector<ReferencePicture> pictures;
    ReferenceOptions options;
    int size;
    PictureLoss loss;
    std::optional<Rasteriser> rasteriser;   // over the splats of the shape drawn last

    Result<Rasteriser*> over(const Rasteriser& shape);
    Result<void> draw(const Rasteriser& shape, const ReferencePicture& picture,
                      const std::array<float, 3>& behind);
};

Result<Rasteriser*> ReferenceLoss::State::over(const Rasteriser& shape) {
    if (!rasteriser || !(rasteriser->parameters() == shape.parameters())) {
        auto made = Rasteriser::create(device, {.width = size,
                                                .height = size,
                                                .splats = uint32_t(shape.sections().capacity),
                                                .sh_degree = shape.sections().sh_degree,
                                                .antialiased = options.antialiased,
                                                .parameters = shape.parameters()});
        if (!made) return made.error();
        rasteriser = std::move(*made);
    }
    rasteriser->set_count(shape.count());
    return &*rasteriser;
}

Result<void> ReferenceLoss::State::draw(const Rasteriser& shape, const ReferencePicture& picture,
                                        const std::array<float, 3>& behind) {
    const auto with = over(shape);
    if (!with) return with.error();
    return (*with)->draw({.camera = orbit_camera(picture.orbit, size, size), .background = behind});
}

Result<ReferenceLoss> ReferenceLoss::create(std::shared_ptr<Device> device,
                                            std::vector<ReferencePicture> pictures,
                                            const ReferenceOptions& options) {
    if (pictures.empty()) return Error{Status::usage, "a shape like no picture"};
    const int size = pictures[0].image.width;
    for (size_t i = 0; i < pictures.size(); i++)
        if (const std::string flaw = flaw_of(pictures[i], size); !flaw.empty())
            return Error{Status::usage, "picture " + std::to_string(i + 1) + " of a shape " + flaw};
    for (const double w : {options.weight_begin, options.weight_end})
        if (!(w >= 0) || !std::isfinite(w))
            return Error{Status::usage, "weights of pictures are finite and not below 0"};
    auto loss = PictureLoss::create(device, size, size, options.loss);
    if (!loss) return loss.error();
    return ReferenceLoss(std::make_unique<State>(State{
        std::move(device), std::move(pictures), options, size, std::move(*loss), std::nullopt}));
}

std::array<float, 3> colour_behind(const ReferenceOptions& options, int step) {
    return draw_backdrop({.coloured = 1}, options.seed ^ kBehindSeed, uint64_t(step));
}

ReferenceLoss::ReferenceLoss(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReferenceLoss::ReferenceLoss(ReferenceLoss&&) noexcept = default;
ReferenceLoss& ReferenceLoss::operator=(ReferenceLoss&&) noexcept = default;
ReferenceLoss::~ReferenceLoss() = default;

Result<void> ReferenceLoss::add(const Rasteriser& shape, Optimiser& optimiser, int step,
                                double share) {
    State& s = *state_;
    const ReferencePicture& picture = s.pictures[size_t(step) % s.pictures.size()];
    const std::array<float, 3> behind = colour_behind(s.options, step);
    if (auto done = s.draw(shape, picture, behind); !done) return done;
    std::vector<float> target(picture.image.pixels.size());
    for (size_t i = 0; i < target.size(); i++) target[i] = float(picture.image.pixels[i]) / 255;
    if (auto done = s.loss.set_target(target); !done) return done;
    if (auto done = s.loss.run(*s.rasteriser, behind); !done) return done;
    if (auto done = s.rasteriser->differentiate(); !done) return done;
    const double weight =
        picture.weight * std::lerp(s.options.weight_begin, s.options.weight_end, share);
    return optimiser.add(*s.rasteriser, float(weight));
}

Result<std::vector<ReferenceLoss::Quality>> ReferenceLoss::compare(const Rasteriser& shape) {
    std::vector<Quality> all;
    for (const ReferencePicture& picture : state_->pictures) {
        if (auto done = state_->draw(shape, picture, {}); !done) return done.error();
        const auto drawn = state_->rasteriser->read_image();
        if (!drawn) return drawn.error();
        double error = 0, weights = 0, common = 0, either = 0;
        for (size_t i = 0; i < drawn->size() / kChannels; i++) {
            const float* x = &(*drawn)[i * kChannels];
            const uint8_t* y = &picture.image.pixels[i * 4];
            const double alpha = y[3] / 255.0;
            for (size_t k = 0; k < 3; k++)
                error += alpha * std::pow(std::clamp(double(x[k]), 0.0, 1.0) - y[k] / 255.0, 2);
            weights += 3 * alpha;
            common += std::min(alpha, double(x[3])), either += std::max(alpha, double(x[3]));
        }
        all.push_back({-10 * std::log10(std::max(error / std::max(weights, 1e-9), 1e-10)),
                       common / std::max(either, 1e-9)});
    }
    return all;
}

uint64_t fingerprint_of(const std::vector<ReferencePicture>& pictures, uint64_t hash) {
    for (const ReferencePicture& p : pictures) {
        const double numbers[] = {p.orbit.azimuth,   p.orbit.elevation,     p.orbit.distance,
                                  p.orbit.target[0], p.orbit.target[1],     p.orbit.target[2],
                                  p.weight,          p.orbit.field_of_view, double(p.image.width)};
        hash = hash_bytes(std::as_bytes(std::span(numbers)), hash);
        hash = hash_bytes(std::as_bytes(std::span(p.image.pixels)), hash);
    }
    return hash;
}

namespace {

// The pixel of a picture that shows a place; null beyond its edges.
const uint8_t* pixel_at(const ReferencePicture& picture, const Camera& camera,
                        const std::array<float, 3>& place) {
    double t[3];
    for (size_t row = 0; row < 3; row++) {
        t[row] = double(camera.translation[row]);
        for (size_t k = 0; k < 3; k++)
            t[row] += double(camera.rotation[row * 3 + k]) * double(place[k]);
    }
    if (t[2] <= 0) return nullptr;
    const double x = std::floor(double(camera.fx) * t[0] / t[2] + double(camera.cx)),
                 y = std::floor(double(camera.fy) * t[1] / t[2] + double(camera.cy));
    const Image& image = picture.image;
    if (!(x >= 0 && y >= 0 && x < image.width && y < image.height)) return nullptr;
    return &image.pixels[(size_t(y) * size_t(image.width) + size_t(x)) * 4];
}

}   // namespace

Splats splats_in_view(size_t n, double ball, const std::vector<ReferencePicture>& pictures,
                      uint64_t seed, const InitialOptions& options) {
    std::vector<Camera> cameras;
    for (const ReferencePicture& p : pictures)
        cameras.push_back(orbit_camera(p.orbit, p.image.width, p.image.height));
    std::vector<float> positions, colours;
    Draws draws(seed ^ kPlaceSeed, 0);
    size_t tries = n * size_t(kTries);
    while (positions.size() < n * 3) {
        std::array<float, 3> at, colour{0.5f, 0.5f, 0.5f};
        for (float& x : at) x = float(draws.between(-ball, ball));
        if (std::hypot(at[0], at[1], at[2]) > float(ball)) continue;
        double outermost = -1e300;
        bool within = true;
        for (size_t i = 0; i < pictures.size() && tries; i++) {
            const uint8_t* pixel = pixel_at(pictures[i], cameras[i], at);
            within = within && pixel && pixel[3] > 127;
            const std::array<float, 3> eye = position_of(cameras[i]);
            const double along = double(eye[0] * at[0] + eye[1] * at[1] + eye[2] * at[2]);
            if (!within || along < outermost) continue;
            outermost = along;
            for (size_t k = 0; k < 3; k++) colour[k] = float(pixel[k]) / float(pixel[3]);
        }
        if (tries) tries--;
        if (!within) continue;
        positions.insert(positions.end(), at.begin(), at.end());
        colours.insert(colours.end(), colour.begin(), colour.end());
    }
    return splats_at(positions, colours, options);
}

}   // namespace kiln
