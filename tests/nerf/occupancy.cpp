// Which cells are looked at: those that pictures leave room for, and of them those where the field
// has something.
#include "modalities/nerf/occupancy.h"

#include "modalities/nerf/visual_hull.h"
#include "tests/nerf/ball.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr int kCells = 16;
constexpr size_t kAll = size_t(kCells) * kCells * kCells;
const FieldOptions kCube{.half = 0.8};
const Around kWide{.field_of_view = 50, .side = 64};   // most of the cube is in view

bool bit(const std::vector<uint32_t>& bits, size_t i) { return (bits[i / 32] >> (i % 32)) & 1; }

size_t count_of(const std::vector<uint32_t>& bits) {
    size_t set = 0;
    for (size_t i = 0; i < kAll; i++) set += bit(bits, i);
    return set;
}

// The middle of a cell in the world, and how far what is nearest of it is from the ball's centre.
struct Cell {
    explicit Cell(size_t index) {
        const double size = 2 * kCube.half / kCells;
        double square = 0;
        for (size_t a = 0; const size_t at :
                           {index % kCells, index / kCells % kCells, index / (kCells * kCells)}) {
            middle[a] = kCube.centre[a] - kCube.half + size * (double(at) + 0.5);
            const double away = std::abs(middle[a] - kBallCentre[a]);
            square += std::pow(std::max(away - size / 2, 0.0), 2);
            a++;
        }
        nearest = std::sqrt(square);
    }
    std::array<double, 3> middle{};
    double nearest;
};

}   // namespace

TEST_CASE("a visual hull keeps all that an object touches, and little else") {
    const std::vector<uint32_t> hull = visual_hull(ball_views(kWide), kCube, kCells);
    REQUIRE(hull.size() == kAll / 32);
    size_t touched = 0, far = 0;
    for (size_t i = 0; i < kAll; i++) {
        const Cell cell(i);
        touched += cell.nearest <= kBallRadius;
        far += cell.nearest > 1;
        INFO("cell " << i << ", " << cell.nearest << " m away");
        if (cell.nearest <= kBallRadius) REQUIRE(bit(hull, i));
        // One of 12 directions is within 20 degrees of straight across the line between the two,
        // which appears 0.94 m long at least. The ball takes 0.5 m of that, and the square around
        // the cell reaches 1.4 * (0.09 + 0.1) m, two pixels being 0.1 m.
        if (cell.nearest > 1) REQUIRE_FALSE(bit(hull, i));
    }
    INFO(touched << " cells touched, " << far << " far, " << count_of(hull) << " kept");
    CHECK(touched > 500);
    CHECK(far > 300);
    CHECK(double(count_of(hull)) < 2.2 * double(touched));
}

TEST_CASE("pictures without alpha, or with nothing in them, leave all possible") {
    const std::vector<uint32_t> all(kAll / 32, ~0u);
    std::vector<FitView> views = ball_views({.count = 3}, std::array{0.0f, 0.0f, 0.0f});
    CHECK(visual_hull(views, kCube, kCells) == all);
    views.push_back(ball_views(kWide)[0]);   // those with alpha count none the less
    CHECK(count_of(visual_hull(views, kCube, kCells)) < kAll);
    std::vector<FitView> empty = ball_views(kWide);
    for (FitView& view : empty) std::fill(view.image.pixels.begin(), view.image.pixels.end(), 0);
    CHECK(visual_hull(empty, kCube, kCells) == all);
}

TEST_CASE("a visual hull can leave out what few pictures show") {
    // One picture frames half a metre to each side of the z axis, three others frame all.
    const auto towards = [](double elevation, double distance, double angle) {
        const Orbit orbit{.azimuth = 0,
                          .elevation = elevation,
                          .distance = distance,
                          .target = {},
                          .field_of_view = angle};
        FitView view = ball_view(orbit_camera(orbit, 32, 32), 32);
        for (uint8_t& value : view.image.pixels) value = 255;
        return view;
    };
    const std::vector<FitView> views = {towards(0, 100, 2 * std::atan(0.5 / 100) / M_PI * 180),
                                        towards(0, 20, 30), towards(45, 20, 30),
                                        towards(80, 20, 30)};
    CHECK(count_of(visual_hull(views, kCube, kCells)) == kAll);
    CHECK(count_of(visual_hull(views, kCube, kCells, 0.75)) == kAll);
    const std::vector<uint32_t> hull = visual_hull(views, kCube, kCells, 0.76);
    for (size_t i = 0; i < kAll; i++) {
        const std::array<double, 3>& middle = Cell(i).middle;
        const bool framed = std::abs(middle[0]) < 0.5 && std::abs(middle[1]) < 0.5;
        REQUIRE(bit(hull, i) == framed);
    }
    CHECK(count_of(hull) == kAll * 100 / 256);
}

TEST_CASE("a camera among the cells says nothing of those that it does not see whole") {
    const Orbit orbit{
        .azimuth = 20, .elevation = 10, .distance = 0.4, .target = {}, .field_of_view = 50};
    constexpr int kSide = 32;
    FitView view = ball_view(orbit_camera(orbit, kSide, kSide), kSide);
    std::fill(view.image.pixels.begin(), view.image.pixels.end(), 0);
    const std::vector<uint32_t> hull = visual_hull(std::span(&view, 1), kCube, kCells);
    CHECK(count_of(hull) < kAll);
    CHECK(count_of(hull) > kAll / 2);
    const Camera& c = view.camera;
    for (size_t i = 0; i < kAll; i++) {
        if (bit(hull, i)) continue;
        for (int corner = 0; corner < 8; corner++) {
            double seen[3];
            for (size_t row = 0; row < 3; row++) {
                seen[row] = double(c.translation[row]);
                for (size_t a = 0; a < 3; a++)
                    seen[row] += double(c.rotation[row * 3 + a]) *
                                 (Cell(i).middle[a] +
                                  ((corner >> a) & 1 ? kCube.half : -kCube.half) / kCells);
            }
            REQUIRE(seen[2] > 0);
            const double x = double(c.fx) * seen[0] / seen[2] + double(c.cx),
                         y = double(c.fy) * seen[1] / seen[2] + double(c.cy);
            REQUIRE(std::min({x, y, kSide - x, kSide - y}) >= 2);
        }
    }
}

namespace {

constexpr int kSteps = 64;
constexpr double kLeast = 0.005 * kSteps;   // density of what takes 1/200 of the light in a step

// A field whose density is known: its logarithm is the first feature, whose corners are those of
// the cells.
struct KnownField {
    explicit KnownField(std::shared_ptr<Device> device)
        : field(take(RadianceField::create(device, {.levels = 2,
                                                    .entries = 13,
                                                    .coarsest = kCells,
                                                    .finest = kCells,
                                                    .directional = false}))),
          renderer(take(FieldRenderer::create(
              field, {.rays = 64, .samples = 8192, .steps = kSteps, .cells = kCells}))) {}

    // By the corner's place along x, 0 to kCells.
    template <class F>
    void fill(F density) {
        const FieldLayout& layout = field.layout();
        std::vector<float> values(layout.end());
        for (size_t i = 0; i < (kCells + 1) * (kCells + 1) * (kCells + 1); i++)
            values[i * 2] = float(std::log(density(i % (kCells + 1))));
        // Rectified, and its opposite too.
        const size_t row = layout.features() + kLatent;
        for (const size_t neuron : {0, 1}) {
            float* weights = &values[layout.density() + neuron * row];
            weights[0] = weights[layout.features()] = neuron ? -1 : 1;
        }
        take(field.write(values));
    }

    // Of a ray along y.
    uint64_t samples_at(float x) {
        const Ray ray{{x, 0, 0.53f}, 0.5f, {0, 1, 0}, 1};
        take(renderer.draw(std::span(&ray, 1), {}));
        return renderer.samples();
    }

    RadianceField field;
    FieldRenderer renderer;
};

size_t column(size_t cell) { return cell % kCells; }

}   // namespace

TEST_CASE("cells with something in them are occupied, where that is possible", "[gpu]") {
    KnownField known(test_device());
    // Nothing up to corner 7, much from corner 8 on, though no ray ends there: what cell 7 has is a
    // matter of chance.
    known.fill([](size_t corner) { return corner < 8 ? 0.3 * kLeast : 8; });
    std::vector<uint32_t> possible(kAll / 32, ~0u);
    const auto impossible = [](size_t cell) { return cell / kCells % kCells < 3; };   // by y
    for (size_t i = 0; i < kAll; i++)
        if (impossible(i)) possible[i / 32] &= ~(1u << (i % 32));
    Occupancy occupancy(kCells, kSteps, possible);
    take(known.renderer.set_occupied(occupancy.bits()));
    CHECK(occupancy.share() == 13 / 16.0);
    CHECK(known.samples_at(0.2f) == 52);
    take(occupancy.refresh(known.renderer, 0, 1, 5));
    size_t occupied = 0;
    for (size_t i = 0; i < kAll; i++) {
        INFO("cell " << i);
        occupied += occupancy.occupied(i);
        REQUIRE(occupancy.occupied(i) ==
                bit({occupancy.bits().begin(), occupancy.bits().end()}, i));
        if (impossible(i) || column(i) < 7) REQUIRE_FALSE(occupancy.occupied(i));
        if (!impossible(i) && column(i) > 7) REQUIRE(occupancy.occupied(i));
    }
    CHECK(occupancy.share() == double(occupied) / kAll);
    CHECK(known.samples_at(0.2f) == 0);
    CHECK(known.samples_at(0.8f) == 52);
    check_silent(*test_device());
}

TEST_CASE("rounds look at some of the cells each, and at all in turn", "[gpu]") {
    KnownField known(test_device());
    known.fill([](size_t corner) { return corner < 8 ? 0.3 * kLeast : 8; });
    Occupancy occupancy(kCells, kSteps, std::vector<uint32_t>(kAll / 32, ~0u));
    double before = 1;
    for (uint32_t round = 0; round < 4; round++) {
        take(occupancy.refresh(known.renderer, round, 4, 5));
        INFO("round " << round << ": " << before << " to " << occupancy.share());
        // 7 or 8 of 16 columns are empty: a quarter of them is found out.
        CHECK(before - occupancy.share() >= 7 / 64.0);
        CHECK(before - occupancy.share() <= 8 / 64.0);
        before = occupancy.share();
    }
    for (size_t i = 0; i < kAll; i++)
        if (column(i) != 7) REQUIRE(occupancy.occupied(i) == (column(i) > 7));
}

TEST_CASE("what has gone fades by a fifth each look", "[gpu]") {
    KnownField known(test_device());
    const auto fill = [&](double fading) {
        known.fill([&](size_t corner) { return corner < 8 ? fading : 50; });
    };
    Occupancy occupancy(kCells, kSteps, std::vector<uint32_t>(kAll / 32, ~0u));
    fill(2.2 * kLeast);
    take(occupancy.refresh(known.renderer, 0, 1, 5));
    CHECK(occupancy.share() == 1);
    fill(0.01 * kLeast);
    for (uint32_t round = 1; round < 4; round++) {   // 2.2 * 0.8^3 = 1.13
        take(occupancy.refresh(known.renderer, round, 1, 5));
        CHECK(occupancy.occupied(3));
    }
    take(occupancy.refresh(known.renderer, 4, 1, 5));   // 0.90
    CHECK_FALSE(occupancy.occupied(3));
    fill(1.1 * kLeast);
    take(occupancy.refresh(known.renderer, 5, 1, 5));
    CHECK(occupancy.occupied(3));
}

TEST_CASE("a field that is nowhere dense leaves all as it is", "[gpu]") {
    KnownField known(test_device());
    known.fill([](size_t) { return 0.9 * kLeast; });
    Occupancy occupancy(kCells, kSteps, std::vector<uint32_t>(kAll / 32, ~0u));
    take(occupancy.refresh(known.renderer, 0, 1, 5));
    CHECK(occupancy.share() == 1);
    known.fill([](size_t corner) { return corner < 16 ? 0.9 * kLeast : 50; });
    take(occupancy.refresh(known.renderer, 1, 1, 5));
    CHECK(occupancy.share() <= 1 / 16.0);
    CHECK(occupancy.share() > 0);
}
