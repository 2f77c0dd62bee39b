#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/splat_bin.h"
#include "kernels/splat_composite.h"
#include "kernels/splat_project.h"
#include "kernels/splat_ranges.h"
#include "modalities/splat/raster/raster_state.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kTile = 16, kRecordBytes = 64;
constexpr float kNear = 0.01f;

// How far from the axis the Jacobian is taken, beyond what the picture shows.
constexpr float kMargin = 0.3f;

}   // namespace

Result<void> Rasteriser::State::allocate() {
    const uint64_t n = options.splats, pixels = uint64_t(options.width) * options.height;
    struct Wanted {
        Buffer* buffer;
        uint64_t words;
    };
    for (const Wanted& wanted : {Wanted{&parameters, sections.end()},
                                 {&image, pixels * 12},
                                 {&records, n * kRecordBytes / 4},
                                 {&counts, n + 1},
                                 {&counts_scratch, scan_scratch(n + 1)},
                                 {&ranges, (uint64_t(tiles) + 1) * 2},
                                 {&depths.keys[0], n},
                                 {&depths.keys[1], n},
                                 {&depths.values[0], n},
                                 {&depths.values[1], n},
                                 {&depths.scratch, sort_scratch(n)}}) {
        if (wanted.words * 4 > device->caps().binding_range)
            return Error{Status::out_of_memory, "splats: " + std::to_string(n) + " of them, " +
                                                    std::to_string(pixels) +
                                                    " pixels: more than a kernel here can bind"};
        if (*wanted.buffer) continue;
        auto buffer = raster_words(*device, wanted.words);
        if (!buffer) return buffer.error();
        *wanted.buffer = *buffer;
    }
    auto block = device->allocate(sizeof(ViewBlock), Intent::upload);
    if (!block) return block.error();
    view = *block;
    return {};
}

// Room for at least `wanted` pairs; what was recorded no longer fits.
Result<void> Rasteriser::State::grow(uint64_t wanted) {
    const uint64_t room = (wanted + wanted / 4 + 1023) / 1024 * 1024;
    if (room * 4 > device->caps().binding_range)
        return Error{Status::out_of_memory,
                     "splats: " + std::to_string(wanted) +
                         " pairs of splat and tile, more than a kernel here can bind: smaller "
                         "splats or a smaller picture need fewer"};
    forward.reset(), backward.reset();
    tile_lists = {}, owners = sums = Buffer();
    capacity = 0;   // until all is there
    for (Buffer* buffer : {&tile_lists.keys[0], &tile_lists.keys[1], &tile_lists.values[0],
                           &tile_lists.values[1], &owners}) {
        auto made = raster_words(*device, room);
        if (!made) return made.error();
        *buffer = *made;
    }
    auto scratch = raster_words(*device, sort_scratch(room));
    if (!scratch) return scratch.error();
    tile_lists.scratch = *scratch;
    capacity = uint32_t(room);
    return {};
}

void Rasteriser::State::add_binning(LaunchList& list, const Buffer& order, bool emit) {
    using namespace kernels::splat_bin;
    list.add(launch(Variant::main,
                    {.view = list.operand(view),
                     .order = list.operand(order),
                     .records = list.operand(records),
                     .counts = list.operand(counts),
                     .tiles = list.operand(tile_lists.keys[0]),
                     .slots = list.operand(tile_lists.values[0]),
                     .owners = list.operand(owners)},
                    {.capacity = options.splats, .pairs = capacity}, {.emit = emit},
                    fold(device->caps(), div_up(int64_t(options.splats) + 1, kRasterLocal))));
}

Result<void> Rasteriser::State::record() {
    const Caps& caps = device->caps();
    LaunchList& list = forward.emplace(device, options.timed);
    const uint32_t n = options.splats;
    list.add(kernels::splat_project::launch(kernels::splat_project::Variant::main,
                                            {.view = list.operand(view),
                                             .splats = list.operand(parameters),
                                             .records = list.operand(records),
                                             .keys = list.operand(depths.keys[0]),
                                             .values = list.operand(depths.values[0])},
                                            {.capacity = n},
                                            {.harmonics = uint32_t(sh_count(options.sh_degree))},
                                            fold(caps, div_up(n, kRasterLocal))));
    constexpr uint32_t kCountWord = offsetof(ViewBlock, size) / 4 + 2;
    depths_at = sort_pairs(list, depths, n, view, kCountWord, 32);
    add_binning(list, depths.values[depths_at], false);
    scan(list, counts, n + 1, counts_scratch);
    add_binning(list, depths.values[depths_at], true);
    const int bits = (std::bit_width(tiles) + 3) / 4 * 4;
    lists_at = sort_pairs(list, tile_lists, capacity, counts, n, bits);
    list.add(kernels::splat_ranges::launch(kernels::splat_ranges::Variant::main,
                                           {.view = list.operand(view),
                                            .tiles = list.operand(tile_lists.keys[lists_at]),
                                            .counts = list.operand(counts),
                                            .ranges = list.operand(ranges)},
                                           {.capacity = n, .pairs = capacity},
                                           fold(caps, div_up(int64_t(tiles) + 1, kRasterLocal))));
    using Composite = kernels::splat_composite::Variant;
    list.add(
        kernels::splat_composite::launch(options.lanes == 8 ? Composite::narrow : Composite::wide,
                                         {.view = list.operand(view),
                                          .records = list.operand(records),
                                          .ranges = list.operand(ranges),
                                          .slots = list.operand(tile_lists.values[lists_at]),
                                          .owners = list.operand(owners),
                                          .image = list.operand(image)},
                                         fold(caps, tiles)));
    return list.record();
}

ViewBlock Rasteriser::State::block_of(const View& v) const {
    const Camera& c = v.camera;
    const std::array<float, 3> position = position_of(c);
    ViewBlock block{};
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) block.rows[i][j] = c.rotation[i * 3 + j];
        block.rows[i][3] = c.translation[i];
        block.background[i] = v.background[i];
        block.position[i] = position[i];
    }
    const float focal[4] = {c.fx, c.fy, c.cx, c.cy};
    std::copy_n(focal, 4, block.focal);
    const float w = float(options.width), h = float(options.height);
    const float x = kMargin * 0.5f * w / c.fx, y = kMargin * 0.5f * h / c.fy;
    const float limits[4] = {c.cx / c.fx + x, (w - c.cx) / c.fx + x, c.cy / c.fy + y,
                             (h - c.cy) / c.fy + y};
    std::copy_n(limits, 4, block.limits);
    block.background[3] = options.low_pass;
    block.position[3] = kNear;
    const int degree = std::clamp(v.sh_degree, 0, options.sh_degree);
    const uint32_t size[4] = {uint32_t(options.width), uint32_t(options.height), count,
                              uint32_t(degree) | (options.antialiased ? 256u : 0u)};
    std::copy_n(size, 4, block.size);
    return block;
}

Result<Rasteriser> Rasteriser::create(std::shared_ptr<Device> device,
                                      const RasterOptions& options) {
    const int64_t across = div_up(std::max(options.width, 0), kTile),
                  down = div_up(std::max(options.height, 0), kTile);
    if (across < 1 || down < 1 || across * down > 65535)
        return Error{Status::usage, "splats: a picture of " + std::to_string(options.width) +
                                        " x " + std::to_string(options.height) +
                                        ": 1 to 65535 tiles of 16 x 16 pixels can be drawn"};
    if (options.sh_degree < 0 || options.sh_degree > kMaxShDegree || options.splats < 1 ||
        options.splats > (1u << 28) || !(options.low_pass > 0) ||
        (options.lanes != 0 && options.lanes != 8 && options.lanes != 32))
        return Error{Status::usage,
                     "splats: at least one splat, harmonics of degree 0 to 3, a low-pass filter "
                     "above 0 and 8 or 32 lanes are needed"};
    auto state = std::make_unique<State>();
    state->device = std::move(device);
    state->options = options;
    if (const Caps& caps = state->device->caps(); !options.lanes)   // SwiftShader chokes on 8
        state->options.lanes = caps.kind == DeviceKind::cpu && caps.subgroup_size >= 8 ? 8 : 32;
    if (!state->device->caps().float_atomics) state->options.summation = Summation::gather;
    state->sections = {options.splats, options.sh_degree};
    state->parameters = options.parameters;
    if (options.parameters && options.parameters.size() < state->sections.end() * 4)
        return Error{Status::usage, "splats: parameters for fewer splats than are to be drawn"};
    state->tiles = uint32_t(across * down);
    if (auto done = state->allocate(); !done) return done.error();
    const uint64_t guess = options.pairs ? options.pairs : uint64_t(options.splats) * 4;
    if (auto done = state->grow(std::max<uint64_t>(guess, 1024)); !done) return done.error();
    return Rasteriser(std::move(state));
}

Rasteriser::Rasteriser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Rasteriser::Rasteriser(Rasteriser&&) noexcept = default;
Rasteriser& Rasteriser::operator=(Rasteriser&&) noexcept = default;
Rasteriser::~Rasteriser() = default;

Result<void> Rasteriser::write(const Splats& splats) {
    const SplatSections& to = state_->sections;
    if (splats.size() > to.capacity)
        return Error{Status::usage, "splats: " + std::to_string(splats.size()) +
                                        " of them, room for " + std::to_string(to.capacity)};
    if (!consistent(splats))
        return Error{Status::usage, "splats: arrays that do not hold as many splats"};
    const std::vector<float> values = pack(splats, to);
    state_->count = uint32_t(splats.size());
    return state_->device->write(state_->parameters, values.data(), values.size() * 4);
}

Result<Splats> Rasteriser::read() const {
    std::vector<float> values(state_->sections.end());
    const Buffer from = state_->parameters.slice(0, values.size() * 4);
    if (auto done = state_->device->read(from, values.data(), values.size() * 4); !done)
        return done.error();
    Splats splats = unpack(values, state_->sections, state_->count);
    splats.antialiased = state_->options.antialiased;
    return splats;
}

uint32_t Rasteriser::count() const { return state_->count; }

void Rasteriser::set_count(uint32_t count) {
    ensure(count <= state_->options.splats, "more splats than there is room for");
    state_->count = count;
}

Result<void> Rasteriser::draw(const View& view) {
    State& s = *state_;
    const ViewBlock block = s.block_of(view);
    if (auto done = s.device->write(s.view, &block, sizeof block); !done) return done;
    while (true) {
        if (!s.capacity)   // for want of memory
            if (auto done = s.grow(1024); !done) return done;
        if (!s.forward)
            if (auto done = s.record(); !done) return done;
        if (auto done = s.forward->run(); !done) return done;
        const Buffer total = s.counts.slice(uint64_t(s.options.splats) * 4, 4);
        if (auto done = s.device->read(total, &s.pairs, 4); !done) return done;
        if (s.pairs <= s.capacity) return {};
        if (auto done = s.grow(s.pairs); !done) return done;
    }
}

Result<std::vector<float>> Rasteriser::read_image() const {
    std::vector<float> pixels(image().size() / 4);
    if (auto done = state_->device->read(image(), pixels.data(), pixels.size() * 4); !done)
        return done.error();
    return pixels;
}

Buffer Rasteriser::gradient() const { return state_->gradient; }
Buffer Rasteriser::parameters() const { return state_->parameters; }
Buffer Rasteriser::image() const {
    const uint64_t pixels = uint64_t(state_->options.width) * uint64_t(state_->options.height);
    return state_->image.slice(0, pixels * kChannels * 4);
}
SplatSections Rasteriser::sections() const { return state_->sections; }
uint32_t Rasteriser::pairs() const { return state_->pairs; }

std::vector<Rasteriser::Timing> Rasteriser::times() const {
    std::vector<Timing> times;
    for (const auto* list : {&state_->forward, &state_->backward})
        if (*list)
            for (const KernelTime& t : (*list)->times()) times.push_back({t.label, t.milliseconds});
    return times;
}

}   // namespace kiln
