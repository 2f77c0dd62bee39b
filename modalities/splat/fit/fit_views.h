// What a fit knows of its pictures before it draws anything.
#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/fit/fit.h"

namespace kiln {

// What is wrong with them, naming which; empty where nothing is.
std::string flaw_of(std::span<const FitView> views);

std::array<double, 3> middle_of(std::span<const FitView> views);   // of their places

// A tenth more than the farthest camera is from the middle of all; with one place only, how far
// the splats are from it on average.
double extent_of(std::span<const FitView> views, const Splats& splats);

uint64_t fingerprint_of(std::span<const FitView> views);   // of pixels and cameras

int most_factor(const FitView& view);   // so that 16 pixels are left
Camera scaled(const Camera& camera, int smaller);

// f32 [height / smaller, width / smaller, 4], colours times alpha: means over squares.
std::vector<float> target_of(const FitView& view, int smaller);

// Decibels between a picture [pixels, 3], clipped to 0..1, and a target [pixels, 4] before that.
double psnr(std::span<const float> drawn, std::span<const float> wanted,
            const std::array<float, 3>& background);

}   // namespace kiln
