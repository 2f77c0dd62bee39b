// What is behind a shape while it is optimised, and a shape's picture before it. Backdrops that
// change keep a shape from leaving out what looks like one of them.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace kiln {

struct Backdrops {
    // One colour a view: with this share of chance a random one, else a gray in a range.
    double coloured = 0;
    double darkest = 0.65, lightest = 0.95;
};

// Of the view `index`; depends on nothing else but the seed.
std::array<float, 3> draw_backdrop(const Backdrops& backdrops, uint64_t seed, uint64_t index);

// What the rasteriser drew before black, [pixels, 8], before a backdrop: [pixels, 3] from 0 to 1.
std::vector<float> before(std::span<const float> drawn, const std::array<float, 3>& backdrop);

// The gradient by what was drawn, [pixels, 8], given that by the picture. Where a colour was cut
// off at 0 or 1, only what brings it back counts.
std::vector<float> before_backward(std::span<const float> drawn,
                                   const std::array<float, 3>& backdrop,
                                   std::span<const float> slopes);

// [from, from, channels] to [to, to, channels], bilinear with half-pixel centres, and the gradient
// by its source given that by its result.
std::vector<float> resized(std::span<const float> picture, int from, int to, int channels);
std::vector<float> resized_backward(std::span<const float> slopes, int from, int to, int channels);

}   // namespace kiln
