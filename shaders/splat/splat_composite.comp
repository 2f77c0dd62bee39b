#version 450
#extension GL_GOOGLE_include_directive : enable
// Composites the splats of a tile front to back until nothing shines through. An invocation takes
// two pixels, so that 128 cover 16 x 16. A pixel is (r, g, b, alpha), (depth, normal), all of them
// weighted sums; behind the pixels follow for each what the backward pass needs: the transmittance
// left and how many of the tile's pairs were looked at up to the last that counts.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, equation 3 and section 6.
#include "lib/splat.glsl"

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 2) readonly buffer Ranges { uvec2 ranges[]; };
layout(set = 0, binding = 3) readonly buffer Slots { uint pair_slots[]; };
layout(set = 0, binding = 4) readonly buffer Owners { uint owners[]; };
layout(set = 0, binding = 5) writeonly buffer Image { vec4 image[]; };

struct Ray {
    vec2 pixel;
    float transmittance;
    vec4 colour;   // and depth
    vec3 normal;
    uint last;
    bool live;
};

shared vec4 staged[128 * kRecord];
shared uint unfinished;   // the last batch that left a ray alive, counted from 1

Ray begin_ray(uvec2 pixel) {
    bool inside = all(lessThan(pixel, view.size.xy));
    return Ray(vec2(pixel) + 0.5, 1.0, vec4(0.0), vec3(0.0), 0u, inside);
}

void pass(inout Ray ray, uint at, uint count) {
    vec4 r0 = staged[at], r2 = staged[at + 2u];
    float unclamped;
    float alpha = alpha_at(r0.xy - ray.pixel, staged[at + 1u].xyz, r0.z, unclamped);
    if (alpha == 0.0 || !ray.live) return;
    precise float next = ray.transmittance * (1.0 - alpha);
    ray.live = next >= kLeastTransmittance;
    if (!ray.live) return;
    float weight = alpha * ray.transmittance;
    ray.colour += weight * vec4(r2.rgb, r0.w);
    ray.normal += weight * staged[at + 3u].xyz;
    ray.transmittance = next;
    ray.last = count;
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
    uvec2 a = uvec2(tile % tiles.x, tile / tiles.x) * kTile + uvec2(i % kTile, i / kTile);
    uvec2 b = a + uvec2(0u, kTile / 2u);
    Ray first = begin_ray(a), second = begin_ray(b);
    uvec2 range = ranges[tile];
    if (i == 0u) unfinished = 0u;
    for (uint begin = range.x, batch = 1u; begin < range.y; begin += 128u, batch++) {
        barrier();
        if (begin + i < range.y) {
            uint from = kRecord * owners[pair_slots[begin + i]];
            for (uint k = 0u; k < kRecord; k++) staged[kRecord * i + k] = records[from + k];
        }
        barrier();
        uint count = min(128u, range.y - begin), before = begin - range.x;
        for (uint j = 0u; j < count && (first.live || second.live); j++) {
            pass(first, kRecord * j, before + j + 1u);
            pass(second, kRecord * j, before + j + 1u);
        }
        if (first.live || second.live) atomicMax(unfinished, batch);
        barrier();
        if (unfinished != batch) break;
    }
    finish(first, a);
    finish(second, b);
}
