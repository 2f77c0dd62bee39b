#include "modalities/nerf/field_shape.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "modalities/nerf/field_file.h"
#include "modalities/nerf/to_splats.h"
#include "modalities/splat/distillation/backdrop.h"
#include "modalities/splat/raster/rasteriser.h"
#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr uint32_t kStride = 4;               // of the cells that a refresh looks at
constexpr int kViews = 32, kViewSide = 128;   // of the pictures that splats are fitted to
constexpr size_t kNone = ~size_t(0);

// A bit for each cell that the ball touches.
std::vector<uint32_t> cells_of_ball(const FieldShapeOptions& o) {
    const int n = o.march.cells;
    std::vector<uint32_t> bits((size_t(n) * size_t(n) * size_t(n) + 31) / 32);
    const double reach = o.ball / (2 * o.field.half) + std::sqrt(0.75) / n;
    size_t at = 0;
    for (int z = 0; z < n; z++)
        for (int y = 0; y < n; y++)
            for (int x = 0; x < n; x++, at++) {
                const auto off = [&](int cell) { return (cell + 0.5) / n - 0.5; };
                if (std::hypot(off(x), off(y), off(z)) < reach) bits[at / 32] |= 1u << (at % 32);
            }
    return bits;
}

std::string flaw_of(const FieldShapeOptions& o) {
    if (o.side < 8 || o.side > 1024) return "pictures of it have 8 to 1024 pixels a side";
    if (!(o.ball > 0 && o.ball <= o.field.half)) return "its ball lies within its cube";
    if (o.refresh_every < 1) return "at least one step between two looks at its cells";
    for (const float v : {o.rate, o.rate_end})
        if (!(v > 0) || !std::isfinite(v)) return "rates are finite and above 0";
    return flaw_of(o.field);
}

}   // namespace

struct FieldShape::State {
    FieldShapeOptions options;
    RadianceField field;
    FieldRenderer renderer;
    Occupancy occupancy;
    // What a view was drawn as last.
    struct Drawn {
        std::vector<Ray> rays;
        int size, side;   // of what was asked for, of what was drawn
    };
    std::vector<Drawn> views = {};
    size_t last = kNone;   // the view that the renderer has drawn last

    Result<void> draw(size_t view);
};

Result<void> FieldShape::State::draw(size_t view) {
    last = view;
    return renderer.draw(views[view].rays, {});
}

Result<std::unique_ptr<FieldShape>> FieldShape::create(std::shared_ptr<Device> device,
                                                       const FieldShapeOptions& options) {
    if (const std::string flaw = flaw_of(options); !flaw.empty())
        return Error{Status::usage, "radiance field of a shape: " + flaw};
    FieldOptions content = options.field;
    content.seed = options.seed;
    auto field = RadianceField::create(std::move(device), content, options.adam);
    if (!field) return field.error();
    MarchOptions march = options.march;
    const uint32_t side = uint32_t(std::max(options.side, kViewSide));
    march.rays = side * side;
    auto renderer = FieldRenderer::create(*field, march);
    if (!renderer) return renderer.error();
    Occupancy occupancy(march.cells, march.steps, cells_of_ball(options));
    if (auto done = renderer->set_occupied(occupancy.bits()); !done) return done.error();
    return std::unique_ptr<FieldShape>(new FieldShape(std::make_unique<State>(
        State{options, std::move(*field), std::move(*renderer), std::move(occupancy)})));
}

FieldShape::FieldShape(std::unique_ptr<State> state) : state_(std::move(state)) {}
FieldShape::~FieldShape() = default;

Result<std::vector<float>> FieldShape::draw(size_t view, const Camera& camera, int size) {
    State& s = *state_;
    const int side = std::min(size, s.options.side);
    // Other places along the rays each time, so that nothing hides between them.
    std::mt19937_64 random(s.options.seed +
                           0x9e3779b97f4a7c15ull * (uint64_t(s.field.steps()) + 1) + view);
    const double scale = double(size) / side;
    State::Drawn drawn{{}, size, side};
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            drawn.rays.push_back(ray_at(camera, (x + 0.5) * scale, (y + 0.5) * scale,
                                        s.options.field, float(double(random() >> 40) * 0x1p-24)));
    s.views.resize(std::max(s.views.size(), view + 1));
    s.views[view] = std::move(drawn);
    if (auto done = s.draw(view); !done) return done.error();
    auto image = s.renderer.read_image();
    if (!image || side == size) return image;
    return resized(*image, side, size, int(kChannels));
}

Result<void> FieldShape::differentiate(size_t view, std::span<const float> slopes, float weight) {
    State& s = *state_;
    ensure(view < s.views.size(), "a view that was drawn");
    const State::Drawn& drawn = s.views[view];
    if (s.last != view)
        if (auto done = s.draw(view); !done) return done;
    std::vector<float> weighted =
        drawn.side == drawn.size ? std::vector<float>(slopes.begin(), slopes.end())
                                 : resized_backward(slopes, drawn.side, drawn.size, int(kChannels));
    for (float& slope : weighted) slope *= weight;
    return s.renderer.differentiate(weighted);
}

Result<void> FieldShape::step(int done, int steps) {
    State& s = *state_;
    const FieldShapeOptions& o = s.options;
    const double rate = double(o.rate) *
                        std::pow(double(o.rate_end) / double(o.rate), double(done) / double(steps));
    if (auto moved = s.field.step(float(rate)); !moved) return moved;
    const uint32_t now = s.field.steps();
    if (now < o.refresh_from || now % o.refresh_every != 0) return {};
    const bool first = now < o.refresh_from + o.refresh_every;
    return s.occupancy.refresh(s.renderer, now / o.refresh_every, first ? 1 : kStride, o.seed);
}

Result<Splats> FieldShape::splats() {
    State& s = *state_;
    const FieldShapeOptions& o = s.options;
    s.last = kNone;
    const auto views = views_around(s.field, s.renderer, kViews, kViewSide);
    if (!views) return views.error();
    SplatsOfField wanted{
        .splats = o.splats, .sh_degree = 0, .seed = o.seed, .cancelled = o.cancelled};
    if (!o.cancelled || !o.cancelled()) {
        auto splats = to_splats(s.field, s.renderer, *views, wanted);
        if (splats || splats.error().status != Status::interrupted) return splats;
    }
    wanted.steps = 0, wanted.cancelled = {};
    return to_splats(s.field, s.renderer, *views, wanted);
}

FieldSolid FieldShape::solid() {
    State& s = *state_;
    const std::span<const uint32_t> bits = s.occupancy.bits();
    s.last = kNone;
    return FieldSolid(s.renderer, s.options.field, s.options.march.cells,
                      {bits.begin(), bits.end()});
}

Result<void> FieldShape::save(const std::string& path, uint64_t fingerprint) const {
    const State& s = *state_;
    auto field = s.field.state();
    if (!field) return field.error();
    const std::span<const float> densities = s.occupancy.densities();
    const std::span<const uint32_t> bits = s.occupancy.bits();
    return write_field(path, {.origin = fingerprint,
                              .rays = 0,
                              .field = std::move(*field),
                              .densities = {densities.begin(), densities.end()},
                              .occupied = {bits.begin(), bits.end()}});
}

Result<int> FieldShape::resume(const std::string& path, uint64_t fingerprint, int steps) {
    State& s = *state_;
    auto file = read_field(path, {s.field.layout().end(), s.occupancy.densities().size()});
    if (!file) return file.error();
    if (file->origin != fingerprint || file->field.steps > uint32_t(steps))
        return Error{Status::bad_file,
                     path +
                         ": the state of another run: of another prompt, seed, number of steps "
                         "or views a step"};
    Occupancy occupancy = s.occupancy;
    if (!occupancy.restore(std::move(file->densities), std::move(file->occupied)))
        return Error{Status::bad_file, path + ": cells that cannot be"};
    if (auto done = s.renderer.set_occupied(occupancy.bits()); !done) return done.error();
    s.occupancy = std::move(occupancy);
    if (auto done = s.field.restore(file->field); !done) return done.error();
    return int(s.field.steps());
}

}   // namespace kiln
