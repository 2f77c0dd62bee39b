#version 450
#extension GL_GOOGLE_include_directive : enable
// Projects each splat, and gives it its key: the bits of its depth, which order as the depths do.
// What is behind the camera, too faint, outside the picture, no number or beyond 1e18 is culled: it
// has no tiles and sorts last.
#include "lib/splat_project.glsl"
#include "lib/harmonics.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint HARMONICS = 1u;   // stored a channel

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Splats { float splats[]; };
layout(set = 0, binding = 2) writeonly buffer Records { vec4 records[]; };
layout(set = 0, binding = 3) writeonly buffer Keys { uint keys[]; };
layout(set = 0, binding = 4) writeonly buffer Values { uint values[]; };
layout(push_constant) uniform Args { uint capacity; } args;

#include "lib/splat_parameters.glsl"

vec3 colour_of(uint i, vec3 direction) {
    uint degree = view.size.w & 255u, first = 11u * args.capacity + 3u * HARMONICS * i;
    uint count = min((degree + 1u) * (degree + 1u), HARMONICS);
    vec3 colour = vec3(0.5);
    for (uint k = 0u; k < count; k++)
        colour += harmonic(k, direction) * vector_at(first + 3u * k);
    return colour;
}

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= view.size.z) return;
    Parameters splat = parameters_of(i);
    Projection p = project(view, splat);
    vec3 conic = conic_of(p);
    vec2 centre = view.focal.xy * p.t.xy / p.t.z + view.focal.zw;
    float opacity = p.sigmoid * p.compensation;
    float threshold = 2.0 * log(255.0 * opacity);
    vec2 extent = sqrt(max(threshold, 0.0) * p.covariance.xz) * 1.0001 + 0.01;
    vec3 view_line = splat.mean - view.position.xyz;
    vec3 colour = colour_of(i, view_line / length(view_line));
    uint axis = smallest(splat.scale);
    vec3 normal = p.axes[axis] * facing(p.axes[axis], splat.mean, view.position.xyz);
    vec4 r0 = vec4(centre, opacity, p.t.z), r1 = vec4(conic, threshold);
    vec2 size = vec2(view.size.xy);
    bool whole = usable(r0) && usable(r1) && usable(vec4(colour, extent.x)) &&
                 usable(vec4(normal, extent.y)) && usable(splat.quaternion);
    bool seen = whole && p.t.z >= view.position.w && p.determinant > 0.0 &&
                opacity >= kLeastAlpha && all(greaterThan(centre + extent, vec2(0.0))) &&
                all(lessThan(centre - extent, size));
    keys[i] = seen ? floatBitsToUint(p.t.z) : 0xffffffffu;
    values[i] = i;
    if (!seen) {
        r0 = vec4(0.0), colour = vec3(0.0), normal = vec3(0.0), extent = vec2(0.0);
        r1 = vec4(0.0, 0.0, 0.0, -1.0);
    }
    records[kRecord * i] = r0;
    records[kRecord * i + 1u] = r1;
    records[kRecord * i + 2u] = vec4(max(colour, 0.0), extent.x);
    records[kRecord * i + 3u] = vec4(normal, extent.y);
}
