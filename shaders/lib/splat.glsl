// What the kernels of the splat rasteriser share: how they are looked at, how they are stored after
// projection, and what one contributes to a pixel.
#ifndef KILN_SPLAT_GLSL
#define KILN_SPLAT_GLSL
#include "lib/spread.glsl"

const uint kTile = 16u;                      // pixels a side
const float kLeastAlpha = 1.0 / 255.0;       // less is not drawn
const float kMostAlpha = 0.99;
const float kLeastTransmittance = 1e-4;      // a ray stops before it

// Written by the host, as ViewBlock in modalities/splat/raster/rasteriser.cpp.
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

// The least of the conic's quadratic form over the pixel centres from `low` to `high`: inside, or
// on the edges that face the splat's centre. Precise: kernels that ask the same get the same.
float least_form(vec2 centre, vec3 conic, vec2 low, vec2 high) {
    vec2 near = clamp(centre, low, high);
    if (near == centre) return 0.0;
    precise float y = centre.y - conic.y * (near.x - centre.x) / conic.z;
    precise float x = centre.x - conic.y * (near.y - centre.y) / conic.x;
    vec2 a = vec2(near.x, clamp(y, low.y, high.y)) - centre;
    vec2 b = vec2(clamp(x, low.x, high.x), near.y) - centre;
    precise float on_x = conic.x * a.x * a.x + 2.0 * conic.y * a.x * a.y + conic.z * a.y * a.y;
    precise float on_y = conic.x * b.x * b.x + 2.0 * conic.y * b.x * b.y + conic.z * b.y * b.y;
    return near.x == centre.x ? on_y : near.y == centre.y ? on_x : min(on_x, on_y);
}

// Whether the least form within some pixels leaves a splat visible there, by its threshold.
bool reaches(float least, float threshold) { return least <= threshold * 1.0001 + 0.001; }

// A tile has a workgroup, each lane with one pixel in each of several blocks: what is read of a
// splat serves all of them, values that are summed over the tile are few, and blocks that a splat
// does not reach are passed over by the whole workgroup. NARROW is for CPU drivers: to them shared
// memory is dear, and an if that no lane takes costs as much as one that all take.
#define TWICE(DO, k) DO(k) DO(k + 1)
#define EIGHT(DO, k) TWICE(DO, k) TWICE(DO, k + 2) TWICE(DO, k + 4) TWICE(DO, k + 6)
#ifdef NARROW
const uint kLanes = 8u;
const uint kOwn = 32u;
const uvec2 kBlock = uvec2(8u, 1u);   // pixels; side by side, then one below the other
#define EACH_PIXEL(DO) EIGHT(DO, 0) EIGHT(DO, 8) EIGHT(DO, 16) EIGHT(DO, 24)
#define REACHED(blocks, k)
#else
const uint kLanes = 32u;
const uint kOwn = 8u;
const uvec2 kBlock = uvec2(8u, 4u);
#define EACH_PIXEL(DO) EIGHT(DO, 0)
#define REACHED(blocks, k) if ((blocks & 1u << (k)) != 0u)
#endif

uvec2 first_pixel(uint tile, uint across, uint lane) {
    return uvec2(tile % across, tile / across) * kTile + uvec2(lane % kBlock.x, lane / kBlock.x);
}

uvec2 block_at(uint k) { return kBlock * uvec2(k % 2u, k / 2u); }

// The blocks of the tile that begins at `corner` which a splat may be seen in, a bit each.
uint blocks_of(vec2 corner, vec4 r0, vec4 r1) {
    uint blocks = 0u;
#ifndef NARROW
    for (uint k = 0u; k < kOwn; k++) {
        vec2 low = corner + vec2(block_at(k)) + 0.5;
        if (reaches(least_form(r0.xy, r1.xyz, low, low + vec2(kBlock - 1u)), r1.w))
            blocks |= 1u << k;
    }
#endif
    return blocks;
}

#endif
