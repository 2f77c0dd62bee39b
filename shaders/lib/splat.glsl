// What the kernels of the splat rasteriser share: how they are looked at, how they are stored after
// projection, and what one contributes to a pixel.
#ifndef KILN_SPLAT_GLSL
#define KILN_SPLAT_GLSL
#include "lib/spread.glsl"

const uint kTile = 16u;                      // pixels a side
const float kLeastAlpha = 1.0 / 255.0;       // less is not drawn
const float kMostAlpha = 0.99;
const float kLeastTransmittance = 1e-4;      // a ray stops before it

// Written by the host, as ViewBlock in modalities/splat/rasteriser.cpp.
struct ViewBlock {
    vec4 rows[3];      // of world to camera: rotation and translation
    vec4 focal;        // fx, fy, cx, cy in pixels
    vec4 limits;       // of x/z below and above, y/z below and above, for the Jacobian
    vec4 background;   // r, g, b; the low-pass filter in square pixels
    vec4 position;     // of the camera; least depth
    uvec4 size;        // width, height, splats, degree of harmonics | 256 where anti-aliased
};

// A projected splat as four vectors: (u, v, opacity, depth), (A, B, C of the conic, threshold of
// the quadratic form, below 0 where culled), (r, g, b, half width), (normal, half height).
const uint kRecord = 4u;

uvec2 tiles_of(uvec4 size) { return (size.xy + kTile - 1u) / kTile; }

// Alpha of a splat that lies `delta` from a pixel's centre; 0 where it is skipped. The same
// operations in the same order in forward and backward.
float alpha_at(vec2 delta, vec3 conic, float opacity, out float unclamped) {
    precise float sigma = 0.5 * (conic.x * delta.x * delta.x + conic.z * delta.y * delta.y) +
                          conic.y * delta.x * delta.y;
    precise float raw = opacity * exp(-sigma);
    unclamped = raw;
    return sigma >= 0.0 && raw >= kLeastAlpha ? min(raw, kMostAlpha) : 0.0;
}

// A tile has a workgroup of 32, each with eight pixels one below the other, two rows apart: what is
// read of a splat serves eight, and values that are summed over the tile are few.
const uint kLanes = 32u;
const uint kOwn = 8u;
#define EACH_PIXEL(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)

uvec2 first_pixel(uint tile, uint across, uint lane) {
    return uvec2(tile % across, tile / across) * kTile + uvec2(lane % kTile, lane / kTile);
}

#endif
