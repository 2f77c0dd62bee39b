// Rays in the cube of a radiance field, [0, 1]^3, as the kernels read them.
#pragma once
#include <array>
#include <span>
#include <vector>

#include "modalities/nerf/layout.h"
#include "modalities/splat/camera.h"

namespace kiln {

struct Ray {
    std::array<float, 3> origin;
    float offset;                     // where its first sample is, in steps: 0 to 1
    std::array<float, 3> direction;   // unit, or 0 for a ray that sees nothing
    float depth;                      // metres along the camera's axis a unit of the ray
};

// By the pixel at (x, y) in pixels, of which a whole one is 1: its centre is at a half.
Ray ray_at(const Camera& camera, double x, double y, const FieldOptions& field,
           float offset = 0.5f);

// Of all pixels, row by row.
std::vector<Ray> rays_of(const Camera& camera, int width, int height, const FieldOptions& field);

}   // namespace kiln
