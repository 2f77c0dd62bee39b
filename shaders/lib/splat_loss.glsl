// What the kernels of the picture loss share: where pixels are, and the window of SSIM.
#ifndef KILN_SPLAT_LOSS_GLSL
#define KILN_SPLAT_LOSS_GLSL
#include "lib/spread.glsl"

// Written by the host, as LossBlock in modalities/splat/fit/losses.cpp.
struct LossBlock {
    vec4 background;   // r, g, b behind the target
    vec4 weights;      // of absolute differences, of 1 - SSIM and of alpha, by value of a picture
    vec4 gain, offset; // of the drawn picture's channels
};

// Each invocation has four pixels along the line that it sums over: what is read of a pixel serves
// all of them.
const int kRun = 4;
#define EACH_PIXEL(DO) DO(0) DO(1) DO(2) DO(3)

// A Gaussian of standard deviation 1.5, from its middle outwards; with its mirror image the sum
// is 1.
const int kReach = 5;
const float kWindow[kReach + kRun] = float[](0.26601171, 0.21300554, 0.10936069, 0.03600077,
                                             0.00759876, 0.00102838, 0.0, 0.0, 0.0);
const float kC1 = 1e-4, kC2 = 9e-4;   // squares of 0.01 and 0.03, for values up to 1

// The lines of a picture: where one begins, how far its pixels are apart, and how many it has.
struct Line {
    int begin, stride, size, first;   // first: of the invocation's own
};

Line row_of(uint invocation, uint width) {
    uint runs = (width + uint(kRun) - 1u) / uint(kRun);
    return Line(int(invocation / runs * width), 1, int(width), int(invocation % runs) * kRun);
}

Line column_of(uint invocation, uint width, uint pixels) {
    return Line(int(invocation % width), int(width), int(pixels / width),
                int(invocation / width) * kRun);
}

// The pixel `along` a line; beyond the ends the one at the end, which then counts nothing.
uint pixel_at(Line line, int along) {
    return uint(line.begin + line.stride * clamp(along, 0, line.size - 1));
}
float within(Line line, int along) { return along >= 0 && along < line.size ? 1.0 : 0.0; }

vec3 exposed(LossBlock block, vec3 drawn) { return block.gain.rgb * drawn + block.offset.rgb; }
vec3 over(LossBlock block, vec4 wanted) {
    return wanted.rgb + (1.0 - wanted.a) * block.background.rgb;
}

float window_at(int offset) { return kWindow[abs(offset)]; }

#endif
