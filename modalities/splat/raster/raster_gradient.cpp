// The backward pass of the rasteriser: sums over each tile, then over the tiles of each splat, then
// back through its projection. Where not all pairs of a tile and a splat can be kept at a time, the
// splats are taken in parts, nearest first, and every ray goes on in a part where it stopped in the
// one before.
#include <algorithm>

#include "kernels/splat_camera.h"
#include "kernels/splat_composite_backward.h"
#include "kernels/splat_parts.h"
#include "kernels/splat_project_backward.h"
#include "modalities/splat/raster/raster_state.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint64_t kSums = 13;   // as in shaders/lib/splat_gradient.glsl
constexpr uint32_t kAll = ~0u;

bool atomic(const RasterOptions& options) { return options.summation == Summation::atomics; }

}   // namespace

Result<void> Rasteriser::State::allocate_gradient() {
    if (slopes) return {};
    const uint64_t pixels = uint64_t(options.width) * uint64_t(options.height);
    for (auto [buffer, count] : {std::pair{&gradient, sections.end() + sections.capacity},
                                 {&cameras, uint64_t(div_up(options.splats, kRasterLocal)) * 12},
                                 {&camera, uint64_t(12)},
                                 {&slopes, pixels * kChannels}}) {
        auto made = raster_words(*device, count);
        if (!made) return made.error();
        *buffer = *made;
    }
    return {};
}

// Pairs of which the sums have room: those of a part's splats, of which the last may have as many
// as there are tiles.
uint32_t Rasteriser::State::pairs_at_once() const {
    const uint64_t most = device->caps().binding_range / (4 * kSums);
    const uint64_t wanted = options.pairs_at_once ? options.pairs_at_once : most;
    return uint32_t(std::min(std::max(wanted, 2 * uint64_t(tiles)), most));
}

Result<void> Rasteriser::State::allocate_sums() {
    const uint64_t count = atomic(options) ? options.splats : std::min(capacity, pairs_at_once());
    if (!sums) {
        auto made = raster_words(*device, count * kSums);
        if (!made) return made.error();
        sums = *made;
    }
    if (atomic(options)) {   // and from then on what is read becomes 0
        const std::vector<float> zeros(count * kSums);
        if (auto done = device->write(sums, zeros.data(), zeros.size() * 4); !done) return done;
    }
    if (parts > 1 && !part_ranges) {
        auto made = raster_words(*device, (uint64_t(tiles) + 1) * 4);
        if (!made) return made.error();
        part_ranges = *made;
    }
    return {};
}

void Rasteriser::State::add_pairs(LaunchList& list, uint32_t first) {
    using namespace kernels::splat_composite_backward;
    const bool narrow = options.lanes == 8;
    const Variant gather = narrow ? Variant::narrow : Variant::wide,
                  added = narrow ? Variant::narrow_atomic : Variant::wide_atomic;
    list.add(launch(atomic(options) ? added : gather,
                    {.view = list.operand(view),
                     .records = list.operand(records),
                     .ranges = list.operand(parts > 1 ? part_ranges : ranges),
                     .slots = list.operand(tile_lists.values[lists_at]),
                     .owners = list.operand(owners),
                     .image = list.operand(image),
                     .slopes = list.operand(slopes),
                     .sums = list.operand(sums)},
                    {.first = first}, {.part = parts > 1},
                    fold(device->caps(), uint64_t(tiles) + 1)));
}

void Rasteriser::State::add_splats(LaunchList& list, uint32_t first, uint32_t end) {
    const uint32_t n = options.splats;
    list.add(kernels::splat_project_backward::launch(
        kernels::splat_project_backward::Variant::main,
        {.view = list.operand(view),
         .splats = list.operand(parameters),
         .order = list.operand(depths.values[depths_at]),
         .counts = list.operand(counts),
         .sums = list.operand(sums),
         .gradient = list.operand(gradient),
         .cameras = list.operand(cameras)},
        {.capacity = n, .first = first, .end = end},
        {.harmonics = uint32_t(sh_count(options.sh_degree)), .added = atomic(options)},
        fold(device->caps(), div_up(n, kRasterLocal))));
}

Result<void> Rasteriser::State::record_backward() {
    if (auto done = allocate_sums(); !done) return done;
    LaunchList& list = backward.emplace(device, options.timed);
    const uint32_t step = pairs_at_once() - tiles;
    for (uint32_t part = 0; part < parts; part++) {
        const uint32_t first = part * step, end = part + 1 < parts ? first + step : kAll;
        if (parts > 1)
            list.add(kernels::splat_parts::launch(
                kernels::splat_parts::Variant::main,
                {.view = list.operand(view),
                 .counts = list.operand(counts),
                 .ranges = list.operand(ranges),
                 .slots = list.operand(tile_lists.values[lists_at]),
                 .parts = list.operand(part_ranges)},
                {.capacity = options.splats, .first = first, .end = end},
                fold(device->caps(), div_up(int64_t(tiles) + 1, kRasterLocal))));
        add_pairs(list, first);
        add_splats(list, first, end);
    }
    const uint32_t groups = div_up(options.splats, kRasterLocal);
    list.add(kernels::splat_camera::launch(
        kernels::splat_camera::Variant::main,
        {.cameras = list.operand(cameras), .gradient = list.operand(camera)}, {.groups = groups},
        {12, 1, 1}));
    return list.record();
}

Result<void> Rasteriser::differentiate(std::span<const float> slopes) {
    if (slopes.size() * 4 != image().size())
        return Error{Status::usage, "splats: gradients by " + std::to_string(slopes.size()) +
                                        " values of a picture that has " +
                                        std::to_string(image().size() / 4)};
    const auto to = this->slopes();
    if (!to) return to.error();
    if (auto done = state_->device->write(*to, slopes.data(), slopes.size() * 4); !done)
        return done;
    return differentiate();
}

Result<void> Rasteriser::differentiate() {
    State& s = *state_;
    ensure(s.forward && s.slopes, "differentiate() follows draw() and has slopes");
    const uint32_t room = s.pairs_at_once();
    const uint32_t parts =
        atomic(s.options) || s.pairs <= room ? 1 : s.pairs / (room - s.tiles) + 1;
    if (!s.backward || parts != s.parts) {
        s.parts = parts;
        s.backward.reset();
        if (auto done = s.record_backward(); !done) return s.backward.reset(), done;
    }
    auto done = s.backward->run();
    if (!done) s.backward.reset();   // sums are no longer 0
    return done;
}

Result<Rasteriser::Gradient> Rasteriser::read_gradient() const {
    Gradient out;
    out.parameters.resize(gradient().size() / 4);
    std::array<float, 12> camera{};
    Device& device = *state_->device;
    if (auto done = device.read(gradient(), out.parameters.data(), gradient().size()); !done)
        return done.error();
    if (auto done = device.read(state_->camera, camera.data(), sizeof camera); !done)
        return done.error();
    std::copy_n(camera.begin(), 9, out.rotation.begin());
    std::copy_n(camera.begin() + 9, 3, out.translation.begin());
    return out;
}

Result<Buffer> Rasteriser::slopes() {
    if (auto done = state_->allocate_gradient(); !done) return done.error();
    return state_->slopes;
}

uint64_t Rasteriser::sums_bytes() const { return state_->sums ? state_->sums.size() : 0; }

}   // namespace kiln
