#version 450
#extension GL_GOOGLE_include_directive : enable
// Gradients of a tile's pairs from those of its pixels. The forward pass is replayed, so that
// transmittances are its own; of what lies behind a splat only the product with the pixel's slopes
// is needed, one number a pixel: what is left of the whole picture's. Four splats at a time: each
// invocation leaves their weights and slopes at its two pixels in shared memory, then sums one
// splat over eight pixels. Each pair has one writer: no atomics, and the sums have one order.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, appendix A, and its equation 3 differentiated.
#include "lib/splat.glsl"
#include "lib/splat_gradient.glsl"

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 2) readonly buffer Ranges { uvec2 ranges[]; };
layout(set = 0, binding = 3) readonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 4) readonly buffer Owners { uint owners[]; };
layout(set = 0, binding = 5) readonly buffer Image { vec4 image[]; };
layout(set = 0, binding = 6) readonly buffer Slopes { vec4 slopes[]; };   // of the loss, as image
layout(set = 0, binding = 7) writeonly buffer Sums { float sums[]; };     // kSums a slot

const uint kRound = 4u;    // splats
const uint kOwn = 8u;      // pixels that an invocation sums over

shared vec4 staged[kRound * kRecord];
shared uint staged_slots[kRound];
shared vec2 effects[kRound * 256u];   // weight and slope by the exponent, by splat and pixel
shared float partials[kSums * 128u];
shared uint reach;                    // pairs that some ray got to

vec4 own_colour[kOwn];   // slopes of the pixels that this invocation sums over
vec3 own_normal[kOwn];

struct Ray {
    vec2 pixel;
    vec4 colour;          // slopes by r, g, b and depth
    vec3 normal;
    float transmittance;
    float behind;         // slope by what is behind the pairs passed so far
    uint last;
};

Ray begin_ray(uvec2 pixel) {
    Ray ray = Ray(vec2(pixel) + 0.5, vec4(0.0), vec3(0.0), 1.0, 0.0, 0u);
    if (any(greaterThanEqual(pixel, view.size.xy))) return ray;
    uint at = pixel.y * view.size.x + pixel.x, pixels = view.size.x * view.size.y;
    vec4 colour = image[2u * at], rest = image[2u * at + 1u];
    vec4 slope = slopes[2u * at], slope_rest = slopes[2u * at + 1u];
    vec2 ended = image[2u * pixels + at].xy;
    ray.colour = vec4(slope.rgb, slope_rest.x);
    ray.normal = slope_rest.yzw;
    float ground = dot(view.background.rgb, slope.rgb);
    ray.behind = dot(colour.rgb, slope.rgb) - ended.x * ground + dot(rest, slope_rest) -
                 ended.x * (slope.a - ground);
    ray.last = uint(ended.y);
    return ray;
}

// The weight of a splat in a pixel and the slope of the loss by its exponent.
vec2 pass(inout Ray ray, uint at, uint index) {
    if (index >= ray.last) return vec2(0.0);
    vec4 r0 = staged[at], r2 = staged[at + 2u];
    float unclamped;
    float alpha = alpha_at(r0.xy - ray.pixel, staged[at + 1u].xyz, r0.z, unclamped);
    if (alpha == 0.0) return vec2(0.0);
    float weight = alpha * ray.transmittance;
    float feature = dot(vec4(r2.rgb, r0.w), ray.colour) + dot(staged[at + 3u].xyz, ray.normal);
    ray.behind -= weight * feature;
    float by_alpha = ray.transmittance * feature - ray.behind / (1.0 - alpha);
    precise float next = ray.transmittance * (1.0 - alpha);
    ray.transmittance = next;
    return vec2(weight, unclamped > kMostAlpha ? 0.0 : -unclamped * by_alpha);
}

// Partial sums of splat i / 32 over pixels i % 32, i % 32 + 32, ...
void sum_pixels(uint i, uvec2 corner) {
    uint s = i / 32u, lane = i % 32u;
    vec2 centre = staged[s * kRecord].xy;
    vec2 first = centre - (vec2(corner + uvec2(lane % kTile, lane / kTile)) + 0.5);
    vec3 moment = vec3(0.0), form = vec3(0.0), by_normal = vec3(0.0);
    vec4 by_colour = vec4(0.0);
    for (uint k = 0u; k < kOwn; k++) {
        vec2 effect = effects[s * 256u + lane + 32u * k];
        vec2 delta = first - vec2(0.0, 2.0 * float(k));
        vec2 slope = effect.y * delta;
        moment += vec3(effect.y, slope);
        form += vec3(slope.x * delta, slope.y * delta.y);
        by_colour += effect.x * own_colour[k];
        by_normal += effect.x * own_normal[k];
    }
    float all_[kSums] = float[kSums](moment.x, moment.y, moment.z, form.x, form.y, form.z,
                                     by_colour.x, by_colour.y, by_colour.z, by_colour.w,
                                     by_normal.x, by_normal.y, by_normal.z);
    for (uint v = 0u; v < kSums; v++) partials[v * 128u + i] = all_[v];
}

void write_zeros(uint begin, uint end, uint i) {
    for (uint j = begin * kSums + i; j < end * kSums; j += 128u)
        sums[pair_slots[j / kSums] * kSums + j % kSums] = 0.0;
}

void main() {
    uvec2 tiles = tiles_of(view.size);
    uint tile = workgroup(), i = gl_LocalInvocationID.x;
    if (tile > tiles.x * tiles.y) return;
    uvec2 range = ranges[tile];
    if (tile == tiles.x * tiles.y) {   // slots that no tile has
        write_zeros(range.x, range.y, i);
        return;
    }
    uvec2 corner = uvec2(tile % tiles.x, tile / tiles.x) * kTile;
    uvec2 a = corner + uvec2(i % kTile, i / kTile);
    Ray first = begin_ray(a), second = begin_ray(a + uvec2(0u, kTile / 2u));
    for (uint k = 0u; k < kOwn; k++) {
        Ray ray = begin_ray(corner + uvec2(i % kTile, i % 32u / kTile + 2u * k));
        own_colour[k] = ray.colour, own_normal[k] = ray.normal;
    }
    if (i == 0u) reach = 0u;
    barrier();
    atomicMax(reach, max(first.last, second.last));
    barrier();
    uint end = min(range.x + reach, range.y);
    for (uint begin = range.x; begin < end; begin += kRound) {
        uint count = min(kRound, end - begin);
        if (i < kRound * kRecord) {
            uint slot = i / kRecord < count ? pair_slots[begin + i / kRecord] : 0u;
            staged[i] = i / kRecord < count ? records[kRecord * owners[slot] + i % kRecord]
                                            : vec4(0.0);
            staged_slots[i / kRecord] = slot;
        }
        barrier();
        for (uint s = 0u; s < kRound; s++) {
            uint index = s < count ? begin - range.x + s : 0xffffffffu;
            effects[s * 256u + i] = pass(first, s * kRecord, index);
            effects[s * 256u + 128u + i] = pass(second, s * kRecord, index);
        }
        barrier();
        sum_pixels(i, corner);
        barrier();
        if (i < count * kSums) {
            uint s = i / kSums, v = i % kSums;
            float sum = 0.0;
            for (uint k = 0u; k < 32u; k++) sum += partials[v * 128u + s * 32u + k];
            sums[staged_slots[s] * kSums + v] = sum;
        }
        barrier();
    }
    write_zeros(end, range.y, i);
}
