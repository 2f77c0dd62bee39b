// A textured mesh out of a solid, such as a cloud of splats.
#pragma once
#include <functional>
#include <optional>
#include <string_view>

#include "modalities/splat/mesh/mesh.h"
#include "modalities/splat/splats.h"
#include "runtime/base/result.h"
#include "runtime/io/image.h"

namespace kiln {

class Solid;

struct MeshOptions {
    int resolution = 128;              // cells of the density's grid along the longest side
    std::optional<double> threshold;   // of the density; else by the shadows that it throws
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

// The surface of an object: where its density crosses a threshold, closed, hollows filled, and the
// colours that are seen on it from outside. Two runs give the same mesh.
//
// Nothing dense enough, or a texture too small for the faces: Status::usage.
Result<TexturedMesh> extract_mesh(Solid& solid, const MeshOptions& options = {});

// Of a cloud (splat_solid.h). No splats: Status::usage.
Result<TexturedMesh> extract_mesh(const Splats& splats, const MeshOptions& options = {});

}   // namespace kiln
