// Draws a radiance field on the device, and differentiates what it drew.
// Source: Max. Optical Models for Direct Volume Rendering. 1995; Mildenhall et al. NeRF. 2020,
// section 4; Mueller et al. Instant Neural Graphics Primitives. 2022, section 5.4.
//
// A ray is sampled at even distances where the occupancy grid has something, and ends after what
// leaves less than 1e-4 of its light. Densities of every fourth sample tell beforehand how far rays
// reach, so that what is behind surfaces costs a small part of what is before them. What it draws
// and its gradients have the layout that the rasteriser's have
// (modalities/splat/raster/rasteriser.h): f32 [rays, 8], red, green, blue, alpha, depth and a
// normal, which is 0 here. Pictures of any size are drawn in bands of what there is memory for. Two
// runs give the same bits, gradients included.
#pragma once
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "modalities/nerf/field.h"
#include "modalities/nerf/rays.h"

namespace kiln {

struct MarchOptions {
    uint32_t rays = 0;            // at most so many at a time
    uint32_t samples = 1 << 16;   // in memory at a time: 4096 to 131072
    int steps = 384;              // along a side of the cube: 8 to 2048
    int cells = 64;               // of the occupancy grid, along a side: 4 to 256
    bool timed = false;           // keep what times() tells
};

class FieldRenderer {
public:
    // The field outlives this. Status::usage for options out of range.
    static Result<FieldRenderer> create(const RadianceField& field, const MarchOptions& options);
    FieldRenderer(FieldRenderer&&) noexcept;
    FieldRenderer& operator=(FieldRenderer&&) noexcept;
    ~FieldRenderer();

    // A bit for each cell, [z, y, x], the lowest first; all are set at first.
    Result<void> set_occupied(std::span<const uint32_t> bits);

    // At most as many as the options say (an invariant of the caller). With samples `apart` times
    // as far from each other, a number not below 1, for a quick look.
    Result<void> draw(std::span<const Ray> rays, const std::array<float, 3>& background,
                      float apart = 1);
    Result<std::vector<float>> read_image() const;
    uint64_t samples() const;   // of the last draw()

    // Adds the gradient of a loss to the field's, given its slopes by the picture drawn last, as
    // many as its values. Where samples are and what is left out of them is taken as constant.
    Result<void> differentiate(std::span<const float> slopes);
    Result<void> differentiate();   // of what slopes() holds

    // What is at places in the cube, Ray::origin, seen along Ray::direction (0: the mean of all):
    // red, green, blue and the density; any number of them.
    Result<std::vector<std::array<float, 4>>> look(std::span<const Ray> places);

    // f32 [MarchOptions::rays, 8], those of the last draw() first.
    Buffer image() const;
    Buffer slopes() const;
    struct Timing {
        std::string_view kernel;
        double milliseconds;
    };
    std::vector<Timing> times() const;   // of the last band and its gradient, if timed

private:
    struct State;
    explicit FieldRenderer(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
