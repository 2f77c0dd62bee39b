#include "modalities/splat/fit/losses.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "kernels/picture_loss.h"
#include "kernels/ssim_map.h"
#include "kernels/ssim_rows.h"
#include "kernels/ssim_rows_backward.h"
#include "modalities/splat/raster/launch_list.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kLocal = 128, kRun = 4;   // pixels an invocation, along its line

// As in shaders/lib/splat_loss.glsl.
struct LossBlock {
    float background[4], weights[4], gain[4], offset[4];
};

}   // namespace

struct PictureLoss::State {
    std::shared_ptr<Device> device;
    uint32_t width = 0, pixels = 0;
    LossOptions options;
    Buffer block, target, means, slopes, sums, losses;
    Buffer drawn, sloped;   // of the rasteriser that `list` is for
    std::optional<LaunchList> list;

    Result<void> allocate();
    Result<void> record(const Buffer& image, const Buffer& to);
};

Result<void> PictureLoss::State::allocate() {
    const uint64_t groups = div_up(uint64_t(width) * div_up(pixels / width, kRun), kLocal);
    for (auto [buffer, words] : {std::pair{&target, uint64_t(pixels) * 4},
                                 {&means, uint64_t(pixels) * 20},
                                 {&slopes, uint64_t(pixels) * 12},
                                 {&sums, uint64_t(pixels) * 12},
                                 {&losses, groups * (options.exposed ? 9 : 3)}}) {
        if (words * 4 > device->caps().binding_range)
            return Error{Status::out_of_memory,
                         "splats: a loss over " + std::to_string(pixels) +
                             " pixels needs more than a kernel here can bind"};
        auto made = device->allocate(words * 4, Intent::device);
        if (!made) return made.error();
        *buffer = *made;
    }
    auto made = device->allocate(sizeof(LossBlock), Intent::upload);
    if (!made) return made.error();
    block = *made;
    return {};
}

Result<void> PictureLoss::State::record(const Buffer& image, const Buffer& to) {
    LaunchList& l = list.emplace(device);
    drawn = image, sloped = to;
    const uint32_t height = pixels / width;
    const uint32_t rows = div_up(width, kRun) * height, columns = div_up(height, kRun) * width;
    const Grid by_rows = fold(device->caps(), div_up(rows, kLocal)),
               by_columns = fold(device->caps(), div_up(columns, kLocal));
    l.add(kernels::ssim_rows::launch(kernels::ssim_rows::Variant::main,
                                     {.block = l.operand(block),
                                      .image = l.operand(image),
                                      .target = l.operand(target),
                                      .means = l.operand(means)},
                                     {.width = width, .invocations = rows}, by_rows));
    l.add(kernels::ssim_map::launch(
        kernels::ssim_map::Variant::main, {.means = l.operand(means), .slopes = l.operand(slopes)},
        {.width = width, .pixels = pixels, .invocations = columns}, by_columns));
    l.add(
        kernels::ssim_rows_backward::launch(kernels::ssim_rows_backward::Variant::main,
                                            {.slopes = l.operand(slopes), .sums = l.operand(sums)},
                                            {.width = width, .invocations = rows}, by_rows));
    l.add(kernels::picture_loss::launch(kernels::picture_loss::Variant::main,
                                        {.block = l.operand(block),
                                         .image = l.operand(image),
                                         .target = l.operand(target),
                                         .similar = l.operand(slopes),
                                         .sums = l.operand(sums),
                                         .slopes = l.operand(to),
                                         .losses = l.operand(losses)},
                                        {.width = width, .pixels = pixels, .invocations = columns},
                                        {.exposed = options.exposed}, by_columns));
    return l.record();
}

Result<PictureLoss> PictureLoss::create(std::shared_ptr<Device> device, int width, int height,
                                        const LossOptions& options) {
    const bool sensible = options.ssim >= 0 && options.ssim <= 1 && options.alpha >= 0 &&
                          std::isfinite(options.alpha);
    if (!sensible || width < 1 || height < 1 || int64_t(width) * height > (1 << 28))
        return Error{Status::usage,
                     "splats: a loss has a part of similarity from 0 to 1, a finite weight of "
                     "alpha and a picture of some pixels"};
    auto state = std::make_unique<State>();
    state->device = std::move(device);
    state->width = uint32_t(width);
    state->pixels = uint32_t(width) * uint32_t(height);
    state->options = options;
    if (auto done = state->allocate(); !done) return done.error();
    return PictureLoss(std::move(state));
}

PictureLoss::PictureLoss(std::unique_ptr<State> state) : state_(std::move(state)) {}
PictureLoss::PictureLoss(PictureLoss&&) noexcept = default;
PictureLoss& PictureLoss::operator=(PictureLoss&&) noexcept = default;
PictureLoss::~PictureLoss() = default;

Result<void> PictureLoss::set_target(std::span<const float> rgba) {
    if (rgba.size() != size_t(state_->pixels) * 4)
        return Error{Status::usage, "splats: a target of " + std::to_string(rgba.size()) +
                                        " values for a picture of " +
                                        std::to_string(size_t(state_->pixels) * 4)};
    return state_->device->write(state_->target, rgba.data(), rgba.size() * 4);
}

Result<void> PictureLoss::run(Rasteriser& rasteriser, const std::array<float, 3>& background,
                              const Exposure& exposure) {
    const auto slopes = rasteriser.slopes();
    if (!slopes) return slopes.error();
    return run(rasteriser.image(), *slopes, background, exposure);
}

Result<void> PictureLoss::run(const Buffer& image, const Buffer& slopes,
                              const std::array<float, 3>& background, const Exposure& exposure) {
    State& s = *state_;
    ensure(image.size() == uint64_t(s.pixels) * kChannels * 4 && slopes.size() == image.size(),
           "a picture of the loss's size");
    if (!s.list || !(s.drawn == image) || !(s.sloped == slopes))
        if (auto done = s.record(image, slopes); !done) return done;
    const float share = s.options.ssim, by_value = 1 / (3.0f * float(s.pixels));
    const LossBlock block{
        .background = {background[0], background[1], background[2], 0},
        .weights = {(1 - share) * by_value, share * by_value, s.options.alpha / float(s.pixels), 0},
        .gain = {exposure.gain[0], exposure.gain[1], exposure.gain[2], 0},
        .offset = {exposure.offset[0], exposure.offset[1], exposure.offset[2], 0}};
    if (auto done = s.device->write(s.block, &block, sizeof block); !done) return done;
    return s.list->run();
}

Result<PictureLoss::Values> PictureLoss::values() const {
    const State& s = *state_;
    std::vector<float> parts(s.losses.size() / 4);
    if (auto done = s.device->read(s.losses, parts.data(), s.losses.size()); !done)
        return done.error();
    double sums[9] = {};
    const size_t count = s.options.exposed ? 9 : 3;
    for (size_t i = 0; i < parts.size(); i++) sums[i % count] += double(parts[i]);
    const double n = s.pixels, share = s.options.ssim;
    Values v{sums[0] / (3 * n), sums[1] / (3 * n), sums[2] / n, 0, {}, {}};
    std::copy_n(sums + 3, 3, v.by_gain.begin());
    std::copy_n(sums + 6, 3, v.by_offset.begin());
    v.total = (1 - share) * v.colour + share * v.dissimilarity + double(s.options.alpha) * v.alpha;
    return v;
}

}   // namespace kiln
