#version 450
#extension GL_GOOGLE_include_directive : enable
// Gradients of a tile's pairs from those of its pixels. The forward pass is replayed, so that
// transmittances are its own; of what lies behind a splat only the product with the pixel's slopes
// is needed, one number a pixel: what is left of the whole picture's. Each invocation sums a splat
// over its pixels, and eight splats at a time are summed over the invocations. Each pair has
// one writer, and the sums have one order; with ATOMIC they are added to those of the splat's other
// tiles at once, in whatever order.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, appendix A, and its equation 3 differentiated.
// variants: wide: ; narrow: NARROW; wide_atomic: ATOMIC; narrow_atomic: NARROW ATOMIC
#ifdef ATOMIC
#extension GL_EXT_shader_atomic_float : require
#endif
#include "lib/splat.glsl"
#include "lib/splat_gradient.glsl"

layout(local_size_x = kLanes) in;

// Of several passes this is one: ranges hold two for a tile, all of its pairs and those of this
// part, and rays are kept from part to part where the picture keeps how they ended.
layout(constant_id = 0) const bool PART = false;

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 2) readonly buffer Ranges { uvec2 ranges[]; };
layout(set = 0, binding = 3) readonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 4) readonly buffer Owners { uint owners[]; };
layout(set = 0, binding = 5) buffer Image { vec4 image[]; };
layout(set = 0, binding = 6) readonly buffer Slopes { vec4 slopes[]; };   // of the loss, as image
layout(set = 0, binding = 7) buffer Sums { float sums[]; };   // kSums a slot from first; a splat
layout(push_constant) uniform Args { uint first; } args;

const uint kRound = 8u;   // splats

shared vec4 staged[kRound * kRecord];
shared uint staged_sums[kRound];   // where they go
shared uint staged_blocks[kRound];
shared float partials[kRound * kSums * kLanes];
shared uint reach;   // pairs that some ray got to

struct Ray {
    float transmittance;
    vec4 colour;          // slopes by r, g, b and depth
    vec3 normal;
    float behind;         // slope by what is behind the pairs passed so far
    uint last;
};

struct Totals {
    vec3 moment, form;   // of the slope by the exponent: 1, x, y; xx, xy, yy
    vec4 colour;
    vec3 normal;
};

Ray begin_ray(uvec2 pixel, bool first) {
    Ray ray = Ray(1.0, vec4(0.0), vec3(0.0), 0.0, 0u);
    if (any(greaterThanEqual(pixel, view.size.xy))) return ray;
    uint at = pixel.y * view.size.x + pixel.x, pixels = view.size.x * view.size.y;
    vec4 colour = image[2u * at], rest = image[2u * at + 1u];
    vec4 slope = slopes[2u * at], slope_rest = slopes[2u * at + 1u];
    vec4 kept = image[2u * pixels + at];
    vec2 ended = kept.xy;
    ray.colour = vec4(slope.rgb, slope_rest.x);
    ray.normal = slope_rest.yzw;
    float ground = dot(view.background.rgb, slope.rgb);
    ray.behind = dot(colour.rgb, slope.rgb) - ended.x * ground + dot(rest, slope_rest) -
                 ended.x * (slope.a - ground);
    ray.last = uint(ended.y);
    if (!first) ray.transmittance = kept.z, ray.behind = kept.w;
    return ray;
}

void keep(Ray ray, uvec2 pixel) {
    if (any(greaterThanEqual(pixel, view.size.xy))) return;
    uint at = pixel.y * view.size.x + pixel.x, pixels = view.size.x * view.size.y;
    image[2u * pixels + at].zw = vec2(ray.transmittance, ray.behind);
}

// Without branches: CPU drivers go through all of them anyway.
void pass(inout Ray ray, inout Totals sum, vec2 delta, vec4 r0, vec4 r1, vec4 r2, vec4 r3,
          uint index) {
    float unclamped;
    float alpha = alpha_at(delta, r1.xyz, r0.z, unclamped);
    alpha = index < ray.last ? alpha : 0.0;
    float weight = alpha * ray.transmittance;
    float feature = dot(vec4(r2.rgb, r0.w), ray.colour) + dot(r3.xyz, ray.normal);
    ray.behind -= weight * feature;
    float by_alpha = ray.transmittance * feature - ray.behind / (1.0 - alpha);
    precise float next = ray.transmittance * (1.0 - alpha);
    ray.transmittance = next;
    float slope = alpha > 0.0 && unclamped <= kMostAlpha ? -unclamped * by_alpha : 0.0;
    vec2 along = slope * delta;
    sum.moment += vec3(slope, along);
    sum.form += vec3(along.x * delta, along.y * delta.y);
    sum.colour += weight * ray.colour;
    sum.normal += weight * ray.normal;
}

void leave(Totals sum, uint at) {
    partials[at] = sum.moment.x;
    partials[at + kLanes] = sum.moment.y;
    partials[at + 2u * kLanes] = sum.moment.z;
    partials[at + 3u * kLanes] = sum.form.x;
    partials[at + 4u * kLanes] = sum.form.y;
    partials[at + 5u * kLanes] = sum.form.z;
    partials[at + 6u * kLanes] = sum.colour.r;
    partials[at + 7u * kLanes] = sum.colour.g;
    partials[at + 8u * kLanes] = sum.colour.b;
    partials[at + 9u * kLanes] = sum.colour.a;
    partials[at + 10u * kLanes] = sum.normal.x;
    partials[at + 11u * kLanes] = sum.normal.y;
    partials[at + 12u * kLanes] = sum.normal.z;
}

// Where the sums of a pair lie.
uint sums_of(uint pair) {
    uint slot = pair_slots[pair];
#ifdef ATOMIC
    return owners[slot] * kSums;
#else
    return (slot - args.first) * kSums;
#endif
}

void put(uint at, float sum) {
#ifdef ATOMIC
    if (sum != 0.0) atomicAdd(sums[at], sum);
#else
    sums[at] = sum;
#endif
}

void write_zeros(uint begin, uint end, uint i) {
#ifndef ATOMIC
    for (uint j = begin * kSums + i; j < end * kSums; j += kLanes)
        put(sums_of(j / kSums) + j % kSums, 0.0);
#endif
}

void main() {
    uvec2 tiles = tiles_of(view.size);
    uint tile = workgroup(), i = gl_LocalInvocationID.x;
    if (tile > tiles.x * tiles.y) return;
    uvec2 range = PART ? ranges[2u * tile] : ranges[tile];
    uvec2 part = PART ? ranges[2u * tile + 1u] : range;
    if (part.x == part.y) return;
    if (tile == tiles.x * tiles.y) {   // slots that no tile has
        write_zeros(part.x, part.y, i);
        return;
    }
    uvec2 pixel = first_pixel(tile, tiles.x, i);
    vec2 corner = vec2(tile % tiles.x, tile / tiles.x) * float(kTile), centre = vec2(pixel) + 0.5;
    Ray rays[kOwn];
    uint last = 0u;
#define BEGIN(k) \
    rays[k] = begin_ray(pixel + block_at(uint(k)), part.x == range.x), \
    last = max(last, rays[k].last);
    EACH_PIXEL(BEGIN)
    if (i == 0u) reach = 0u;
    barrier();
    atomicMax(reach, last);
    barrier();
    uint end = clamp(range.x + reach, part.x, part.y);
    for (uint begin = part.x; begin < end; begin += kRound) {
        uint count = min(kRound, end - begin);
        for (uint j = i; j < count * kRecord; j += kLanes)
            staged[j] = records[kRecord * owners[pair_slots[begin + j / kRecord]] + j % kRecord];
        barrier();
        if (i < count) {
            staged_sums[i] = sums_of(begin + i);
            staged_blocks[i] = blocks_of(corner, staged[kRecord * i], staged[kRecord * i + 1u]);
        }
        barrier();
        for (uint s = 0u; s < count; s++) {
            uint blocks = staged_blocks[s];
            vec4 r0 = staged[kRecord * s], r1 = staged[kRecord * s + 1u];
            vec4 r2 = staged[kRecord * s + 2u], r3 = staged[kRecord * s + 3u];
            uint index = begin - range.x + s;
            Totals sum = Totals(vec3(0.0), vec3(0.0), vec4(0.0), vec3(0.0));
            vec2 delta = r0.xy - centre;
#define PASS(k) \
    REACHED(blocks, k) \
        pass(rays[k], sum, delta - vec2(block_at(uint(k))), r0, r1, r2, r3, index);
            EACH_PIXEL(PASS)
            leave(sum, s * kSums * kLanes + i);
        }
        barrier();
        for (uint v = i; v < count * kSums; v += kLanes) {
            float sum = 0.0;
            for (uint k = 0u; k < kLanes; k++)
                sum += partials[v * kLanes + (k + i) % kLanes];
            put(staged_sums[v / kSums] + v % kSums, sum);
        }
        barrier();
    }
    write_zeros(end, part.y, i);
#define KEEP(k) keep(rays[k], pixel + block_at(uint(k)));
    if (PART && part.y < range.y) { EACH_PIXEL(KEEP) }
}
