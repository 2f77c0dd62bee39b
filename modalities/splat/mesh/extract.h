// A textured mesh out of a cloud of splats, all on the host.
#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include "modalities/splat/mesh/mesh.h"
#include "modalities/splat/splats.h"
#include "runtime/base/result.h"
#include "runtime/io/image.h"

namespace kiln {

struct MeshOptions {
    int resolution = 128;              // cells of the density's grid along the longest side
    std::optional<double> threshold;   // of the density; else by the shadows that splats throw
    int faces = 20000;                 // at most, unless the shape needs more to hang together
    int texture = 1024;                // pixels of a side
    double islands =
        0.05;   // pieces so small, as a share of the largest one's extent, are left out
    std::function<void(std::string_view stage, int done, int total)> progress;
    std::function<bool()> cancelled;   // may be asked from any thread
};

struct TexturedMesh {
    Mesh mesh;
    Image texture;          // RGB, sRGB
    double threshold = 0;   // that was taken
    size_t charts = 0;      // of the texture
};

// The surface of an object: where the sum of its splats (density.h) crosses a threshold, closed,
// hollows filled. Splats farther out than twice the radius of the cloud's ball
// (modalities/splat/assets/ball.h) are taken for stray ones. Two runs give the same mesh.
//
// No splats, none dense enough, or a texture too small for the faces: Status::usage.
Result<TexturedMesh> extract_mesh(const Splats& splats, const MeshOptions& options = {});

}   // namespace kiln
