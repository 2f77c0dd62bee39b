#include "modalities/nerf/renderer.h"

#include <algorithm>
#include <cmath>

#include "kernels/nerf_composite.h"
#include "kernels/nerf_composite_backward.h"
#include "kernels/nerf_march.h"
#include "kernels/nerf_reach.h"
#include "modalities/nerf/networks.h"
#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/raster/sort.h"
#include "runtime/base/check.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kLocal = 128;
// Every so many-th sample tells how far a ray reaches: fewer are less work, but find its end later.
constexpr uint32_t kStride = 4;
enum class March : uint32_t { count, write, points };

// As in shaders/lib/nerf.glsl.
struct FieldBlock {
    float background[4];
    uint32_t band[4], size[4];
};

struct Portion {
    uint32_t first, rays, before, samples;
};

}   // namespace

struct FieldRenderer::State {
    std::shared_ptr<Device> device;
    MarchOptions options;
    Networks networks;
    Buffer block, rays, occupied, counts, ends, scratch, image, slopes;
    LaunchList glancing, reaching, counting, forward, backward, looking;
    std::vector<Portion> portions;   // of the last draw()
    std::array<float, 3> background{};
    float apart = 1;
    uint32_t drawn = 0;   // rays

    Result<void> allocate();
    void add_march(LaunchList& list, March mode, uint32_t stride = 1);
    Result<void> record_reach();
    Result<void> record();
    Result<void> split(uint32_t count);
    Result<void> enter(const Portion& portion);
    Result<void> run_portions(LaunchList& list);
};

Result<void> FieldRenderer::State::allocate() {
    const uint64_t n = options.rays, cells = uint64_t(options.cells);
    struct Wanted {
        Buffer* buffer;
        uint64_t words;
    };
    for (const Wanted& wanted : {Wanted{&rays, n * 8},
                                 {&occupied, (cells * cells * cells + 31) / 32},
                                 {&counts, n + 1},
                                 {&ends, n},
                                 {&scratch, std::max<uint64_t>(scan_scratch(n + 1), 1)},
                                 {&image, n * kChannels},
                                 {&slopes, n * kChannels}}) {
        if (wanted.words * 4 > device->caps().binding_range)
            return Error{Status::out_of_memory, "radiance field: " + std::to_string(n) +
                                                    " rays: more than a kernel here can bind"};
        auto made = device->allocate(wanted.words * 4, Intent::device);
        if (!made) return made.error();
        *wanted.buffer = *made;
    }
    auto made = device->allocate(sizeof(FieldBlock), Intent::upload);
    if (!made) return made.error();
    block = *made;
    const std::vector<uint32_t> all(occupied.size() / 4, ~0u);
    return device->write(occupied, all.data(), occupied.size());
}

void FieldRenderer::State::add_march(LaunchList& list, March mode, uint32_t stride) {
    const FieldLayout& layout = networks.layout();
    const uint64_t invocations = mode == March::points ? std::min(options.samples, options.rays)
                                                       : uint64_t(options.rays) + 1;
    list.add(
        kernels::nerf_march::launch(kernels::nerf_march::Variant::main,
                                    {.block = list.operand(block),
                                     .rays = list.operand(rays),
                                     .occupied = list.operand(occupied),
                                     .counts = list.operand(counts),
                                     .samples = list.operand(networks.samples()),
                                     .inputs = list.operand(networks.inputs()),
                                     .ends = list.operand(ends)},
                                    {.capacity = options.rays},
                                    {.mode = uint32_t(mode),
                                     .cells = uint32_t(options.cells),
                                     .harmonics = stride > 1 ? 0 : layout.harmonics() / 4,
                                     .row = (kLatent + layout.harmonics()) / 4,
                                     .stride = stride},
                                    fold(device->caps(), div_up(int64_t(invocations), kLocal))));
}

// What finds out how far rays reach.
Result<void> FieldRenderer::State::record_reach() {
    add_march(glancing, March::count, kStride);
    scan(glancing, counts, options.rays + 1, scratch);
    if (auto done = glancing.record(); !done) return done;

    add_march(reaching, March::write, kStride);
    networks.add_densities(reaching);
    reaching.add(kernels::nerf_reach::launch(kernels::nerf_reach::Variant::main,
                                             {.block = reaching.operand(block),
                                              .counts = reaching.operand(counts),
                                              .samples = reaching.operand(networks.samples()),
                                              .outputs = reaching.operand(networks.outputs()),
                                              .ends = reaching.operand(ends)},
                                             fold(device->caps(), div_up(options.rays, kLocal))));
    return reaching.record();
}

Result<void> FieldRenderer::State::record() {
    const Grid by_ray = fold(device->caps(), div_up(options.rays, kLocal));
    if (auto done = record_reach(); !done) return done;
    add_march(counting, March::count);
    scan(counting, counts, options.rays + 1, scratch);
    if (auto done = counting.record(); !done) return done;

    add_march(forward, March::write);
    networks.add_forward(forward);
    forward.add(kernels::nerf_composite::launch(kernels::nerf_composite::Variant::main,
                                                {.block = forward.operand(block),
                                                 .rays = forward.operand(rays),
                                                 .counts = forward.operand(counts),
                                                 .samples = forward.operand(networks.samples()),
                                                 .outputs = forward.operand(networks.outputs()),
                                                 .image = forward.operand(image)},
                                                by_ray));
    if (auto done = forward.record(); !done) return done;

    backward.add(kernels::nerf_composite_backward::launch(
        kernels::nerf_composite_backward::Variant::main,
        {.block = backward.operand(block),
         .rays = backward.operand(rays),
         .counts = backward.operand(counts),
         .samples = backward.operand(networks.samples()),
         .outputs = backward.operand(networks.outputs()),
         .image = backward.operand(image),
         .slopes = backward.operand(slopes),
         .results = backward.operand(networks.by_outputs())},
        by_ray));
    networks.add_backward(backward);
    if (auto done = backward.record(); !done) return done;

    add_march(looking, March::points);
    networks.add_forward(looking);
    return looking.record();
}

// The rays into portions whose samples fit in the memory for them.
Result<void> FieldRenderer::State::split(uint32_t count) {
    uint32_t total = 0;
    if (auto done = device->read(counts.slice(uint64_t(count) * 4, 4), &total, 4); !done)
        return done;
    portions.clear();
    if (total <= options.samples) {
        portions.push_back({0, count, 0, total});
        return {};
    }
    std::vector<uint32_t> starts(size_t(count) + 1);
    if (auto done =
            device->read(counts.slice(0, starts.size() * 4), starts.data(), starts.size() * 4);
        !done)
        return done;
    for (uint32_t first = 0, last; first < count; first = last) {
        last = uint32_t(std::upper_bound(starts.begin() + first, starts.end(),
                                         starts[first] + options.samples) -
                        starts.begin()) -
               1;
        ensure(last > first, "room for the samples of a ray");
        portions.push_back({first, last - first, starts[first], starts[last] - starts[first]});
    }
    return {};
}

Result<void> FieldRenderer::State::enter(const Portion& portion) {
    const FieldBlock values{
        {background[0], background[1], background[2], apart / float(options.steps)},
        {portion.first, portion.rays, portion.before, portion.samples},
        {drawn, 0, 0, 0}};
    return device->write(block, &values, sizeof values);
}

Result<void> FieldRenderer::State::run_portions(LaunchList& list) {
    if (auto done = split(drawn); !done) return done;
    for (const Portion& portion : portions) {
        if (auto done = enter(portion); !done) return done;
        if (auto done = list.run(); !done) return done;
    }
    return {};
}

Result<FieldRenderer> FieldRenderer::create(const RadianceField& field,
                                            const MarchOptions& options) {
    // The longest way through the cube is sqrt(3) times its side: its samples fit in memory.
    if (options.rays < 1 || options.rays > (1u << 24) || options.samples < 4096 ||
        options.samples > (1u << 17) || options.steps < 8 || options.steps > 2048 ||
        options.cells < 4 || options.cells > 256)
        return Error{Status::usage,
                     "radiance field: 1 to 2^24 rays, memory for 4096 to 131072 samples, 8 to 2048 "
                     "steps and 4 to 256 cells along a side are possible"};
    const auto device = field.device();
    auto networks = Networks::create(field, options.samples);
    if (!networks) return networks.error();
    auto state = std::make_unique<State>(State{device,
                                               options,
                                               std::move(*networks),
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               {},
                                               LaunchList(device),
                                               LaunchList(device, options.timed),
                                               LaunchList(device),
                                               LaunchList(device, options.timed),
                                               LaunchList(device, options.timed),
                                               LaunchList(device),
                                               {},
                                               {},
                                               1,
                                               0});
    if (auto done = state->allocate(); !done) return done.error();
    state->networks.bind(state->block);
    if (auto done = state->record(); !done) return done.error();
    return FieldRenderer(std::move(state));
}

FieldRenderer::FieldRenderer(std::unique_ptr<State> state) : state_(std::move(state)) {}
FieldRenderer::FieldRenderer(FieldRenderer&&) noexcept = default;
FieldRenderer& FieldRenderer::operator=(FieldRenderer&&) noexcept = default;
FieldRenderer::~FieldRenderer() = default;

Result<void> FieldRenderer::set_occupied(std::span<const uint32_t> bits) {
    ensure(bits.size_bytes() == state_->occupied.size(), "a bit for each cell");
    return state_->device->write(state_->occupied, bits.data(), bits.size_bytes());
}

Result<void> FieldRenderer::draw(std::span<const Ray> rays, const std::array<float, 3>& background,
                                 float apart) {
    static_assert(sizeof(Ray) == 32);
    State& s = *state_;
    ensure(!rays.empty() && rays.size() <= s.options.rays && apart >= 1,
           "as many rays as there is room for, and samples apart");
    s.background = background, s.apart = apart, s.drawn = uint32_t(rays.size());
    if (auto done =
            s.device->write(s.rays.slice(0, rays.size_bytes()), rays.data(), rays.size_bytes());
        !done)
        return done;
    if (auto done = s.enter({}); !done) return done;
    if (auto done = s.glancing.run(); !done) return done;
    if (auto done = s.run_portions(s.reaching); !done) return done;
    if (auto done = s.enter({}); !done) return done;
    if (auto done = s.counting.run(); !done) return done;
    return s.run_portions(s.forward);
}

Result<std::vector<float>> FieldRenderer::read_image() const {
    const State& s = *state_;
    std::vector<float> pixels(size_t(s.drawn) * kChannels);
    if (auto done =
            s.device->read(s.image.slice(0, pixels.size() * 4), pixels.data(), pixels.size() * 4);
        !done)
        return done.error();
    return pixels;
}

uint64_t FieldRenderer::samples() const {
    uint64_t total = 0;
    for (const Portion& portion : state_->portions) total += portion.samples;
    return total;
}

Result<void> FieldRenderer::differentiate(std::span<const float> slopes) {
    State& s = *state_;
    if (slopes.size() != size_t(s.drawn) * kChannels)
        return Error{Status::usage, "radiance field: gradients by " +
                                        std::to_string(slopes.size()) +
                                        " values of a picture that has " +
                                        std::to_string(size_t(s.drawn) * kChannels)};
    if (auto done = s.device->write(s.slopes.slice(0, slopes.size_bytes()), slopes.data(),
                                    slopes.size_bytes());
        !done)
        return done;
    return differentiate();
}

Result<void> FieldRenderer::differentiate() {
    State& s = *state_;
    ensure(!s.portions.empty(), "differentiate() follows draw()");
    for (const Portion& portion : s.portions) {
        if (s.portions.size() > 1) {   // only the last one's samples are still there
            if (auto done = s.enter(portion); !done) return done;
            if (auto done = s.forward.run(); !done) return done;
        }
        if (auto done = s.backward.run(); !done) return done;
    }
    return {};
}

Result<std::vector<std::array<float, 4>>> FieldRenderer::look(std::span<const Ray> places) {
    State& s = *state_;
    s.portions.clear();   // their samples are overwritten
    std::vector<std::array<float, 4>> seen(places.size());
    const size_t each = std::min(s.options.samples, s.options.rays);
    for (size_t first = 0; first < places.size(); first += each) {
        const size_t n = std::min(each, places.size() - first);
        if (auto done =
                s.device->write(s.rays.slice(0, n * sizeof(Ray)), &places[first], n * sizeof(Ray));
            !done)
            return done.error();
        if (auto done = s.enter({0, uint32_t(n), 0, uint32_t(n)}); !done) return done.error();
        if (auto done = s.looking.run(); !done) return done.error();
        if (auto done = s.device->read(s.networks.outputs().slice(0, n * 16), &seen[first], n * 16);
            !done)
            return done.error();
    }
    for (std::array<float, 4>& at : seen) {
        for (size_t c = 0; c < 3; c++) at[c] = 1 / (1 + std::exp(-std::clamp(at[c], -60.f, 60.f)));
        at[3] = std::exp(std::min(at[3], 12.0f));   // kMostLogDensity
    }
    return seen;
}

Buffer FieldRenderer::image() const { return state_->image; }
Buffer FieldRenderer::slopes() const { return state_->slopes; }

std::vector<FieldRenderer::Timing> FieldRenderer::times() const {
    std::vector<Timing> times;
    for (const auto* list : {&state_->reaching, &state_->forward, &state_->backward})
        for (const KernelTime& t : list->times()) times.push_back({t.label, t.milliseconds});
    return times;
}

}   // namespace kiln
