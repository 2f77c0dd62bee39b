// What the kernels of the picture loss share: where pixels are, and the window of SSIM.
#ifndef KILN_SPLAT_LOSS_GLSL
#define KILN_SPLAT_LOSS_GLSL
#include "lib/spread.glsl"

// Written by the host, as LossBlock in modalities/splat/losses.cpp.
struct LossBlock {
    vec4 background;   // r, g, b behind the target
    vec4 weights;      // of absolute differences, of 1 - SSIM and of alpha, by value of a picture
};

// A Gaussian of standard deviation 1.5, from its middle outwards; with its mirror image the sum
// is 1.
const int kReach = 5;
const float kWindow[kReach + 1] = float[](0.26601171, 0.21300554, 0.10936069, 0.03600077,
                                          0.00759876, 0.00102838);
const float kC1 = 1e-4, kC2 = 9e-4;   // squares of 0.01 and 0.03, for values up to 1

float window_at(int offset) { return kWindow[abs(offset)]; }

// Offsets from `at` that stay within 0 to size - 1: what is outside counts as 0.
ivec2 reach_of(uint at, uint size) {
    return ivec2(max(-kReach, -int(at)), min(kReach, int(size) - 1 - int(at)));
}

#endif
