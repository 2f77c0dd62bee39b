// Splats to begin with.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, section 7.1: as wide as the three nearest
// neighbours are far.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "modalities/splat/splats.h"

namespace kiln {

struct InitialOptions {
    float opacity = 0.1f;   // between 0 and 1
    float width = 1;        // times the root mean square distance to three neighbours
    int sh_degree = 0;      // coefficients but the constant are 0
};

// One round splat a point. `positions` [n, 3]; `colours` [n, 3] from 0 to 1, or none for grey.
// Points that are not finite are left out.
Splats splats_at(std::span<const float> positions, std::span<const float> colours,
                 const InitialOptions& options = {});

enum class Region : uint8_t { box, ball };

// `n` splats of grey, uniformly in the box of these half sides, or in the ellipsoid that touches
// it. The same seed gives the same ones.
Splats random_splats(size_t n, const std::array<float, 3>& centre, const std::array<float, 3>& half,
                     Region region, uint64_t seed, const InitialOptions& options = {});

}   // namespace kiln
