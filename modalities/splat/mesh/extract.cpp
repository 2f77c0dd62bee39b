#include "modalities/splat/mesh/extract.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/mesh/bake.h"
#include "modalities/splat/mesh/decimate.h"
#include "modalities/splat/mesh/marching_cubes.h"
#include "modalities/splat/mesh/splat_solid.h"

namespace kiln {
namespace {

constexpr size_t kCoarse = 48;

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
    Extraction(Solid& solid, const MeshOptions& options) : solid_(solid), o_(options) {}

    Result<TexturedMesh> run() {
        const Result<Surface> found = surface();
        if (!found) return found.error();
        say("decimating");
        const Surface s = decimate(without_islands(*found, o_.islands), size_t(o_.faces));
        say("unwrapping");
        const Result<Unwrapped> unwrapped = unwrap(s, o_.texture);
        if (!unwrapped) return unwrapped.error();
        say("baking");
        const std::vector<Vec3> normals = normals_of(s);
        Result<Image> texture =
            bake(s, normals, *unwrapped, o_.texture, solid_.paint(s, cell_), o_.cancelled);
        if (!texture) return texture.error();
        if (cancelled()) return Error{Status::interrupted, "interrupted"};
        TexturedMesh made{{}, std::move(*texture), threshold_, unwrapped->charts};
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
        Box box = solid_.box();
        Result<DensityGrid> grid = look(box, kCoarse);
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
    Result<DensityGrid> look(const Box& box, size_t cells) {
        DensityGrid grid = grid_over(box, cells);
        const Result<double> natural = solid_.measure(grid, o_.cancelled);
        if (!natural) return natural.error();
        if (cancelled()) return Error{Status::interrupted, "interrupted"};
        threshold_ = o_.threshold.value_or(*natural);
        const double most = *std::max_element(grid.values.begin(), grid.values.end());
        if (threshold_ <= 0 || most <= threshold_) return nothing(most);
        return grid;
    }

    Error nothing(double most) const {
        if (!o_.threshold)
            return {Status::usage,
                    "what there is is too faint for a surface: nothing is half opaque (a density "
                    "of " +
                        std::to_string(most) + " at most)"};
        return {Status::usage, "no place is as dense as " + std::to_string(*o_.threshold) +
                                   ": the densest has " + std::to_string(most)};
    }

    void assemble(const Surface& s, const std::vector<Vec3>& normals, const Unwrapped& u,
                  Mesh& mesh) const {
        const auto [origin, scale] = solid_.frame();
        for (size_t i = 0; i < u.points.size(); i++) {
            for (size_t axis = 0; axis < 3; axis++) {
                mesh.positions.push_back(float(origin[axis] + scale * s.points[u.points[i]][axis]));
                mesh.normals.push_back(float(normals[u.points[i]][axis]));
            }
            for (const double texel : u.texels[i])
                mesh.uvs.push_back(float(texel / double(o_.texture)));
        }
        mesh.triangles = u.triangles;
    }

    Solid& solid_;
    const MeshOptions& o_;
    double threshold_ = 0, cell_ = 0;
    int step_ = 0;
};

}   // namespace

Result<TexturedMesh> extract_mesh(Solid& solid, const MeshOptions& o) {
    if (o.resolution < 8 || o.resolution > 512 || o.faces < 4 || o.texture < 16 ||
        o.texture > 8192 || !(o.islands >= 0 && o.islands <= 1) ||
        (o.threshold && !(*o.threshold > 0 && *o.threshold < 1e6)))
        return Error{Status::usage,
                     "a mesh has 8 to 512 cells a side, 4 faces at least, a texture of 16 to 8192 "
                     "pixels a side, a threshold above 0 and leaves out pieces from 0 to 1"};
    return Extraction(solid, o).run();
}

Result<TexturedMesh> extract_mesh(const Splats& splats, const MeshOptions& options) {
    if (splats.size() == 0) return Error{Status::usage, "there are no splats to make a mesh of"};
    if (const Result<void> good = check_splats(splats); !good) return good.error();
    SplatSolid solid(splats);
    return extract_mesh(solid, options);
}

}   // namespace kiln
