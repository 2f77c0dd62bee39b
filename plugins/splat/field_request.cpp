#include "plugins/splat/field_request.h"

#include <algorithm>

#include "modalities/nerf/visual_hull.h"

namespace kiln::splat_plugin {
namespace {

constexpr int kSteps = 256;           // of rays along a side of the cube
constexpr int kCells = 64;            // along a side, of the first look at shapes
constexpr double kMargin = 1.05;      // of the cube
constexpr double kAround = 2;         // times what cameras look at: what may be there
constexpr double kFramed = 1 / 2.;    // share of pictures that show what counts
constexpr double kStrays = 1 / 50.;   // share of points that may lie beyond each face

struct Cube {
    std::array<double, 3> centre;
    double half;
};
using Range = std::array<double, 2>;

Cube around(const std::array<Range, 3>& box) {
    Cube cube{{}, 0};
    for (size_t a = 0; a < 3; a++) {
        cube.centre[a] = (box[a][0] + box[a][1]) / 2;
        cube.half = std::max(cube.half, kMargin * (box[a][1] - box[a][0]) / 2);
    }
    return cube;
}

// What is within the shapes of all pictures and the frames of some, of a cube.
Cube by_shapes(const Pictures& pictures, const Cube& cube) {
    FieldOptions whole;
    whole.centre = cube.centre, whole.half = cube.half;
    const std::vector<uint32_t> hull = visual_hull(pictures.views, whole, kCells, kFramed);
    const double size = 2 * cube.half / kCells;
    std::array<Range, 3> box;
    box.fill({1e300, -1e300});
    for (size_t i = 0; i < size_t(kCells) * kCells * kCells; i++) {
        if (!((hull[i / 32] >> (i % 32)) & 1)) continue;
        std::array<double, 3> middle;
        for (size_t a = 0; const size_t at : {i % kCells, i / kCells % kCells, i / kCells / kCells})
            middle[a] = cube.centre[a] - cube.half + size * (double(at) + 0.5), a++;
        for (size_t a = 0; a < 3; a++)
            box[a] = {std::min(box[a][0], middle[a] - size / 2),
                      std::max(box[a][1], middle[a] + size / 2)};
    }
    return box[0][0] < box[0][1] ? around(box) : cube;
}

Cube by_points(const PosedPoints& points) {
    std::array<Range, 3> box;
    const size_t strays = size_t(kStrays * double(points.size()));
    for (size_t a = 0; a < 3; a++) {
        std::vector<float> sorted;
        for (size_t i = 0; i < points.size(); i++) sorted.push_back(points.positions[i * 3 + a]);
        std::sort(sorted.begin(), sorted.end());
        box[a] = {double(sorted[strays]), double(sorted[sorted.size() - 1 - strays])};
    }
    return around(box);
}

}   // namespace

void leave_to_splats(Json& r) {
    const auto refuse = [&](const char* key, const char* flag, bool usual) {
        if (r.contains(key) && !(r[key].is_boolean() && r[key] == usual))
            usage(std::string(flag) + ": of splats, which --representation nerf is not learnt as");
        r.erase(key);
    };
    refuse("growth", "--growth", false);
    refuse("sh_degree", "--sh-degree", false);
    refuse("sky", "--no-sky", true);
    refuse("exposure", "--exposure", false);
    refuse("atomics", "--atomics", false);
    refuse("antialiased", "--antialiased", false);
}

FieldFitOptions field_options(Json& r, const Pictures& pictures) {
    FieldFitOptions o;
    r["steps"] = r.value("steps", o.steps);
    r["splats"] = r.value("splats", SplatsOfField().splats);
    o.steps = r["steps"], o.seed = o.field.seed = r.value("seed", o.seed);
    o.refresh_from = std::min(o.refresh_from, o.steps / 4);
    o.march.steps = kSteps;
    Cube cube{pictures.focus.centre, kAround * pictures.focus.radius};
    if (pictures.transparent)   // twice: with smaller cells the second time
        cube = by_shapes(pictures, by_shapes(pictures, cube));
    else if (pictures.placed())
        cube = by_points(pictures.points);
    o.field.centre = cube.centre, o.field.half = cube.half;
    if (pictures.transparent) o.background = {1, 1, 1};
    return o;
}

std::vector<uint32_t> solid_cells(FieldFit& fit, const FieldFitOptions& options) {
    const int side = options.march.cells;
    std::vector<uint32_t> cells = visual_hull(fit.views(), options.field, side, kFramed);
    const auto seen = cells_seen(fit.field(), fit.renderer(), fit.views(), side);
    for (size_t i = 0; i < cells.size(); i++) {
        cells[i] &= fit.cells()[i];
        if (seen) cells[i] &= (*seen)[i];
    }
    return cells;
}

SplatsOfField splats_options(const Json& r, const FieldFitOptions& field) {
    SplatsOfField o;
    o.splats = r["splats"], o.seed = field.seed, o.background = field.background;
    return o;
}

}   // namespace kiln::splat_plugin
