#version 450
#extension GL_GOOGLE_include_directive : enable
// Composites the splats of a tile front to back until nothing shines through. A pixel is
// (r, g, b, alpha), (depth, normal), all of them weighted sums; behind the pixels follow for each
// what the backward pass needs: the transmittance left and how many of the tile's pairs were looked
// at up to the last that counts.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, equation 3 and section 6.
// variants: wide: ; narrow: NARROW
#include "lib/splat.glsl"

layout(local_size_x = kLanes) in;

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 2) readonly buffer Ranges { uvec2 ranges[]; };
layout(set = 0, binding = 3) readonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 4) readonly buffer Owners { uint owners[]; };
layout(set = 0, binding = 5) writeonly buffer Image { vec4 image[]; };

const uint kBatch = 128u;

struct Ray {
    float transmittance;
    vec4 colour;   // and depth
    vec3 normal;
    uint last;
    bool live;
};

shared vec4 staged[kBatch * kRecord];
shared uint staged_blocks[kBatch];
shared uint unfinished;   // the last batch that left a ray alive, counted from 1

Ray begin_ray(uvec2 pixel) {
    bool inside = all(lessThan(pixel, view.size.xy));
    return Ray(1.0, vec4(0.0), vec3(0.0), 0u, inside);
}

// Without branches: CPU drivers go through all of them anyway.
void pass(inout Ray ray, inout uint living, vec2 delta, vec4 r0, vec4 r1, vec4 r2,
          vec4 r3, uint count) {
    float unclamped;
    float alpha = alpha_at(delta, r1.xyz, r0.z, unclamped);
    precise float next = ray.transmittance * (1.0 - alpha);
    bool ends = next < kLeastTransmittance;
    bool counts = ray.live && alpha > 0.0 && !ends;
    living -= uint(ray.live && ends);
    ray.live = ray.live && !ends;
    float weight = counts ? alpha * ray.transmittance : 0.0;
    ray.colour += weight * vec4(r2.rgb, r0.w);
    ray.normal += weight * r3.xyz;
    ray.transmittance = counts ? next : ray.transmittance;
    ray.last = counts ? count : ray.last;
}

void finish(Ray ray, uvec2 pixel) {
    if (any(greaterThanEqual(pixel, view.size.xy))) return;
    uint at = pixel.y * view.size.x + pixel.x, pixels = view.size.x * view.size.y;
    vec3 colour = ray.colour.rgb + ray.transmittance * view.background.rgb;
    image[2u * at] = vec4(colour, 1.0 - ray.transmittance);
    image[2u * at + 1u] = vec4(ray.colour.a, ray.normal);
    image[2u * pixels + at] = vec4(ray.transmittance, float(ray.last), 0.0, 0.0);
}

void main() {
    uvec2 tiles = tiles_of(view.size);
    uint tile = workgroup(), i = gl_LocalInvocationID.x;
    if (tile >= tiles.x * tiles.y) return;
    uvec2 pixel = first_pixel(tile, tiles.x, i);
    vec2 corner = vec2(tile % tiles.x, tile / tiles.x) * float(kTile), centre = vec2(pixel) + 0.5;
    Ray rays[kOwn];
    uint living = 0u;   // rays
#define BEGIN(k) rays[k] = begin_ray(pixel + block_at(uint(k))), living += uint(rays[k].live);
    EACH_PIXEL(BEGIN)
    uvec2 range = ranges[tile];
    if (i == 0u) unfinished = 0u;
    for (uint begin = range.x, batch = 1u; begin < range.y; begin += kBatch, batch++) {
        uint count = min(kBatch, range.y - begin), before = begin - range.x;
        barrier();
        for (uint j = i; j < count * kRecord; j += kLanes)
            staged[j] = records[kRecord * owners[pair_slots[begin + j / kRecord]] + j % kRecord];
        barrier();
        for (uint j = i; j < count; j += kLanes)
            staged_blocks[j] = blocks_of(corner, staged[kRecord * j], staged[kRecord * j + 1u]);
        barrier();
        for (uint j = 0u; j < count && living > 0u; j++) {
            uint blocks = staged_blocks[j];
            vec4 r0 = staged[kRecord * j], r1 = staged[kRecord * j + 1u];
            vec4 r2 = staged[kRecord * j + 2u], r3 = staged[kRecord * j + 3u];
            vec2 delta = r0.xy - centre;
#define PASS(k) \
    REACHED(blocks, k) \
        pass(rays[k], living, delta - vec2(block_at(uint(k))), r0, r1, r2, r3, before + j + 1u);
            EACH_PIXEL(PASS)
        }
        if (living > 0u) atomicMax(unfinished, batch);
        barrier();
        if (unfinished != batch) break;
    }
#define FINISH(k) finish(rays[k], pixel + block_at(uint(k)));
    EACH_PIXEL(FINISH)
}
