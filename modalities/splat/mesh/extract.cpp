#include "modalities/splat/mesh/extract.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/ball.h"
#include "modalities/splat/mesh/bake.h"
#include "modalities/splat/mesh/decimate.h"
#include "modalities/splat/mesh/marching_cubes.h"

namespace kiln {
namespace {

constexpr size_t kCoarse = 48;
constexpr double kFaint = 0.05, kFar = 2;   // what the first look leaves out; in radii of the ball
// Splats finer than a grid can tell are taken for so many cells wide.
constexpr double kLeastCells = 0.7, kLeastCellsOfColour = 0.25;

// Without stray splats, in units of the ball's radius.
Splats gathered(const Splats& splats, const Ball& ball) {
    const Splats all = brought_near(splats, ball);
    const size_t k = size_t(sh_count(all.sh_degree)) * 3;
    Splats s;
    s.sh_degree = all.sh_degree;
    for (size_t i = 0; i < all.size(); i++) {
        const float* m = &all.means[i * 3];
        if (!(std::hypot(double(m[0]), m[1], m[2]) < kFar)) continue;
        const auto copy = [i](const std::vector<float>& from, size_t width,
                              std::vector<float>& to) {
            to.insert(to.end(), from.begin() + std::ptrdiff_t(i * width),
                      from.begin() + std::ptrdiff_t((i + 1) * width));
        };
        copy(all.means, 3, s.means), copy(all.log_scales, 3, s.log_scales);
        copy(all.quaternions, 4, s.quaternions), copy(all.logits, 1, s.logits);
        copy(all.sh, k, s.sh);
    }
    return s;
}

Box first_box(const Splats& s) {
    const std::vector<Gaussian> cloud = gaussians_of(s, 1e-3);
    const bool all_faint = std::none_of(cloud.begin(), cloud.end(),
                                        [](const Gaussian& g) { return g.opacity > kFaint; });
    Box box{{kFar, kFar, kFar}, {-kFar, -kFar, -kFar}};
    for (const Gaussian& g : cloud) {
        if (g.opacity <= kFaint && !all_faint) continue;
        for (size_t axis = 0; axis < 3; axis++) {
            const double reach = std::min(g.reach(axis, g.opacity / 90), 1.0);   // three sigma
            box.low[axis] = std::min(box.low[axis], g.mean[axis] - reach);
            box.high[axis] = std::max(box.high[axis], g.mean[axis] + reach);
        }
    }
    return box;
}

std::vector<Vec3> normals_of(const Surface& s) {
    std::vector<Vec3> normals(s.points.size());
    for (size_t t = 0; t < s.triangles.size(); t++) {
        const Vec3 area = s.area_vector(t);
        const double length = std::sqrt(dot(area, area));
        if (!(length > 0)) continue;
        for (size_t k = 0; k < 3; k++) {   // weighted by the angle: Thuermer, Wuethrich 1998
            const Vec3 a = s.corner(t, (k + 1) % 3) - s.corner(t, k),
                       b = s.corner(t, (k + 2) % 3) - s.corner(t, k);
            const double angle = std::atan2(length, dot(a, b));
            Vec3& n = normals[s.triangles[t][k]];
            n = n + (angle / length) * area;
        }
    }
    for (Vec3& n : normals) {
        const double length = std::sqrt(dot(n, n));
        n = length > 1e-9 ? (1 / length) * n : Vec3{0, 1, 0};
    }
    return normals;
}

class Extraction {
public:
    Extraction(const Splats& splats, const MeshOptions& options)
        : o_(options), ball_(ball_around(splats)), splats_(gathered(splats, ball_)) {}

    Result<TexturedMesh> run() {
        const Result<Surface> found = surface();
        if (!found) return found.error();
        say("decimating");
        Surface s = decimate(without_islands(*found, o_.islands), size_t(o_.faces));
        say("unwrapping");
        const Result<Unwrapped> unwrapped = unwrap(s, o_.texture);
        if (!unwrapped) return unwrapped.error();
        say("baking");
        const std::vector<Vec3> normals = normals_of(s);
        const std::vector<Gaussian> cloud = gaussians_of(splats_, kLeastCellsOfColour * cell_);
        TexturedMesh made{{},
                          bake(s, normals, *unwrapped, o_.texture, splats_, cloud,
                               {.reach = 3 * cell_, .cancelled = o_.cancelled}),
                          threshold_,
                          unwrapped->charts};
        if (cancelled()) return Error{Status::interrupted, "interrupted"};
        assemble(s, normals, *unwrapped, made.mesh);
        say("done");
        return made;
    }

private:
    bool cancelled() const { return o_.cancelled && o_.cancelled(); }
    void say(std::string_view stage) {
        if (o_.progress) o_.progress(stage, step_, 5);
        step_++;
    }

    Result<Surface> surface() {
        // A coarse look first, so that the grid can be close around what there is.
        say("gathering");
        Box box = first_box(splats_);
        Result<Grid> grid = look(box, kCoarse);
        if (!grid) return grid.error();
        bounds_above(*grid, threshold_ / 2, box);
        grid = look(box, size_t(o_.resolution));
        if (!grid) return grid.error();
        say("marching");
        clear_border(*grid);
        fill_hollows(*grid, float(threshold_));
        cell_ = grid->spacing;
        return marching_cubes(*grid, float(threshold_));
    }

    // The density in a box, somewhere above the threshold, which is chosen by it.
    Result<Grid> look(const Box& box, size_t cells) {
        Grid grid = grid_over(box, cells);
        const std::vector<Gaussian> cloud = gaussians_of(splats_, kLeastCells * grid.spacing);
        add_density(grid, cloud, o_.cancelled);
        if (cancelled()) return Error{Status::interrupted, "interrupted"};
        threshold_ = o_.threshold.value_or(threshold_of_shadows(grid, cloud));
        const double most = *std::max_element(grid.values.begin(), grid.values.end());
        if (threshold_ <= 0 || most <= threshold_) return nothing(most);
        return grid;
    }

    Error nothing(double most) const {
        if (!o_.threshold)
            return {Status::usage,
                    "the splats are too faint for a surface: nothing is half opaque "
                    "(a density of " +
                        std::to_string(most) + " at most)"};
        return {Status::usage, "no place is as dense as " + std::to_string(*o_.threshold) +
                                   ": the densest has " + std::to_string(most)};
    }

    // What reaches out of the grid ends there.
    static void clear_border(Grid& grid) {
        size_t at = 0;
        for (size_t z = 0; z < grid.size[2]; z++)
            for (size_t y = 0; y < grid.size[1]; y++)
                for (size_t x = 0; x < grid.size[0]; x++, at++)
                    if (x == 0 || y == 0 || z == 0 || x + 1 == grid.size[0] ||
                        y + 1 == grid.size[1] || z + 1 == grid.size[2])
                        grid.values[at] = 0;
    }

    void assemble(const Surface& s, const std::vector<Vec3>& normals, const Unwrapped& u,
                  Mesh& mesh) const {
        for (size_t i = 0; i < u.points.size(); i++) {
            for (size_t axis = 0; axis < 3; axis++) {
                mesh.positions.push_back(
                    float(ball_.middle[axis] + ball_.radius * s.points[u.points[i]][axis]));
                mesh.normals.push_back(float(normals[u.points[i]][axis]));
            }
            for (const double texel : u.texels[i])
                mesh.uvs.push_back(float(texel / double(o_.texture)));
        }
        mesh.triangles = u.triangles;
    }

    const MeshOptions& o_;
    Ball ball_;
    Splats splats_;
    double threshold_ = 0, cell_ = 0;
    int step_ = 0;
};

Result<void> check(const Splats& splats, const MeshOptions& o) {
    if (splats.size() == 0) return Error{Status::usage, "there are no splats to make a mesh of"};
    if (o.resolution < 8 || o.resolution > 512 || o.faces < 4 || o.texture < 16 ||
        o.texture > 8192 || !(o.islands >= 0 && o.islands <= 1) ||
        (o.threshold && !(*o.threshold > 0 && *o.threshold < 1e6)))
        return Error{Status::usage,
                     "a mesh has 8 to 512 cells a side, 4 faces at least, a texture of 16 to 8192 "
                     "pixels a side, a threshold above 0 and leaves out pieces from 0 to 1"};
    return check_splats(splats);
}

}   // namespace

Result<TexturedMesh> extract_mesh(const Splats& splats, const MeshOptions& options) {
    if (const Result<void> good = check(splats, options); !good) return good.error();
    return Extraction(splats, options).run();
}

}   // namespace kiln
