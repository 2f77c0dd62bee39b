// Splats that look like a radiance field: the field is a depth camera that says where they are, and
// then they are fitted to pictures.
// Source of the fit: modalities/splat/fit/fit.h.
#pragma once
#include <functional>
#include <string_view>
#include <vector>

#include "modalities/nerf/renderer.h"
#include "modalities/splat/fit/fit.h"

namespace kiln {

struct SplatsOfField {
    uint32_t splats = 20000;             // fewer where there is little to see
    uint32_t steps = 300;                // of the fit; 0: none
    uint32_t rays = 50;                  // a splat, at most, to find places for them
    int sh_degree = 1;                   // of the result
    std::array<float, 3> background{};   // of pictures without alpha
    uint64_t seed = 0;
    std::function<void(std::string_view stage, uint32_t done, uint32_t total)> progress;
    std::function<bool()> cancelled;   // asked between steps: Status::interrupted
};

// Shoots rays through the pictures by chance and places a splat at the mean depth of each that
// loses more than half of its light, then fits them to the pictures, which may tell more than the
// field has learnt of them. The renderer draws the field. Status::usage: no view, a picture that is
// not one, or a field of which nothing is half opaque. Two runs on the same device and driver give
// the same bits.
Result<Splats> to_splats(const RadianceField& field, FieldRenderer& renderer,
                         std::vector<FitView> views, const SplatsOfField& options = {});

// Where that is: a bit for each of cells^3 cells of the field's cube, as Occupancy::bits(), which
// are set in cells with a surface that so many rays through the pictures found, and in their
// neighbours. What is inside of things, and whatever else no picture shows, has none. Status::usage
// as above.
Result<std::vector<uint32_t>> cells_seen(const RadianceField& field, FieldRenderer& renderer,
                                         const std::vector<FitView>& views, int cells,
                                         uint32_t rays = 1 << 16, uint64_t seed = 0);

// Square pictures of the field with alpha, evenly from all around: views where there are no others.
// Of a field of view of 40 degrees, from twice the cube's side away. Splats are best looked at from
// where pixels are as large as in the pictures that they were fitted to.
Result<std::vector<FitView>> views_around(const RadianceField& field, FieldRenderer& renderer,
                                          int views, int size);

}   // namespace kiln
