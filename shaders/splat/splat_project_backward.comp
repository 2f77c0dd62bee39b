#version 450
#extension GL_GOOGLE_include_directive : enable
// Gradients of each splat's parameters: sums what its pairs wrote, one after the other, and goes
// back through the projection. Splats without a tile get zeros. Each workgroup leaves the camera's
// gradient summed over its splats. Takes those whose first slot is in [first, end).
// Source: Ye, Turkulainen. Mathematical Supplement for the gsplat Library. 2023, section 3.
#include "lib/splat_project.glsl"
#include "lib/splat_gradient.glsl"
#include "lib/harmonics.glsl"
layout(local_size_x = 128) in;

layout(constant_id = 0) const uint HARMONICS = 1u;   // stored a channel
layout(constant_id = 1) const bool ADDED = false;    // sums are a splat's already; 0 for the next

layout(set = 0, binding = 0) readonly buffer View { ViewBlock view; };
layout(set = 0, binding = 1) readonly buffer Splats { float splats[]; };
layout(set = 0, binding = 2) readonly buffer Order { uint order[]; };
layout(set = 0, binding = 3) readonly buffer Counts { uint counts[]; };   // summed
layout(set = 0, binding = 4) buffer Sums { float sums[]; };
layout(set = 0, binding = 5) writeonly buffer Gradient { float gradient[]; };
layout(set = 0, binding = 6) buffer Cameras { float cameras[]; };   // 12 a workgroup
layout(push_constant) uniform Args { uint capacity; uint first; uint end; } args;

#include "lib/splat_parameters.glsl"

shared float left[12 * 128];   // the camera's gradient, by each splat

void put(uint at, vec3 v) { gradient[at] = v.x, gradient[at + 1u] = v.y, gradient[at + 2u] = v.z; }

struct Slope {
    vec3 mean, log_scale;
    vec4 quaternion;
    float logit;
    float centre;       // length of the slope by the centre in the picture
    vec3 rows[3];       // by the rotation of the camera
    vec3 translation;
};

// Quaternion w, x, y, z at length 1 from the slopes by the axes; g[column][row].
vec4 quaternion_slope(vec4 q, mat3 g) {
    float w = q.x, x = q.y, y = q.z, z = q.w;
    vec3 odd = vec3(g[1][2] - g[2][1], g[2][0] - g[0][2], g[0][1] - g[1][0]);
    vec3 even = vec3(g[1][2] + g[2][1], g[2][0] + g[0][2], g[0][1] + g[1][0]);
    return 2.0 * vec4(dot(q.yzw, odd),
                      y * even.z + z * even.y - 2.0 * x * (g[1][1] + g[2][2]) + w * odd.x,
                      x * even.z + z * even.x - 2.0 * y * (g[0][0] + g[2][2]) + w * odd.y,
                      x * even.y + y * even.x - 2.0 * z * (g[0][0] + g[1][1]) + w * odd.z);
}

// By the unfiltered covariance (xx, xy as in a matrix, yy), and by the logit.
vec3 covariance_slope(Projection p, float sums[kSums], out float by_logit) {
    mat2 conic = mat2(conic_of(p).x, conic_of(p).y, conic_of(p).y, conic_of(p).z);
    mat2 by_conic = 0.5 * mat2(sums[3], sums[4], sums[4], sums[5]);
    mat2 slope = -(conic * by_conic * conic);
    float opacity = p.sigmoid * p.compensation, by_opacity = -sums[0] / opacity;
    by_logit = by_opacity * p.compensation * p.sigmoid * (1.0 - p.sigmoid);
    if (view.size.w >= 256u && p.compensation > kLeastCompensation) {
        float by_compensation = by_opacity * p.sigmoid / (2.0 * p.compensation);
        slope += by_compensation * ((1.0 - p.ratio) * conic -
                                    mat2(view.background.w / p.determinant));
    }
    return vec3(slope[0][0], slope[0][1], slope[1][1]);
}

// The colour's share: by the harmonics, written at once, and by the line from camera to mean.
vec3 colour_slope(uint i, vec3 line, vec3 by_colour) {
    uint degree = view.size.w & 255u, first = 11u * args.capacity + 3u * HARMONICS * i;
    uint count = min((degree + 1u) * (degree + 1u), HARMONICS);
    vec3 d = line / length(line), colour = vec3(0.5), by_direction = vec3(0.0);
    for (uint k = 0u; k < count; k++) colour += harmonic(k, d) * vector_at(first + 3u * k);
    by_colour = mix(vec3(0.0), by_colour, greaterThan(colour, vec3(0.0)));
    for (uint k = 0u; k < HARMONICS; k++)
        put(first + 3u * k, k < count ? harmonic(k, d) * by_colour : vec3(0.0));
    for (uint k = 1u; k < count; k++)
        by_direction += harmonic_slope(k, d) * dot(vector_at(first + 3u * k), by_colour);
    return (by_direction - dot(by_direction, d) * d) / length(line);
}

Slope slope_of(uint i, Parameters splat, float sums[kSums]) {
    Projection p = project(view, splat);
    Slope s;
    vec3 c = covariance_slope(p, sums, s.logit);
    vec3 by_a0 = 2.0 * (c.x * p.a0 + c.y * p.a1), by_a1 = 2.0 * (c.y * p.a0 + c.z * p.a1);
    s.log_scale = by_a0 * p.a0 + by_a1 * p.a1;
    vec3 scaled0 = by_a0 * splat.scale, scaled1 = by_a1 * splat.scale;
    vec3 by_p0 = p.axes * scaled0, by_p1 = p.axes * scaled1;
    mat3 by_axes = outerProduct(p.p0, scaled0) + outerProduct(p.p1, scaled1);
    uint axis = smallest(splat.scale);
    by_axes[axis] += facing(p.axes[axis], splat.mean, view.position.xyz) *
                     vec3(sums[10], sums[11], sums[12]);
    vec4 by_unit = quaternion_slope(p.unit, by_axes);
    s.quaternion = (by_unit - dot(by_unit, p.unit) * p.unit) / length(splat.quaternion);

    vec3 w0 = view.rows[0].xyz, w1 = view.rows[1].xyz, w2 = view.rows[2].xyz;
    vec3 conic = conic_of(p);
    vec2 f = view.focal.xy / p.t.z;
    vec2 by_centre = vec2(conic.x * sums[1] + conic.y * sums[2],
                          conic.y * sums[1] + conic.z * sums[2]);
    s.centre = length(by_centre);
    // By the Jacobian: its diagonal f, and its last column -f tangent.
    vec2 diagonal = vec2(dot(by_p0, w0), dot(by_p1, w1));
    vec2 last = vec2(dot(by_p0, w2), dot(by_p1, w2));
    vec2 by_tangent = -f * last;
    vec2 by_f = diagonal - p.tangent * last;
    by_tangent = mix(by_tangent, vec2(0.0), p.clamped);
    vec2 ray = p.t.xy / p.t.z;
    vec3 by_t = vec3(f * by_centre + by_tangent / p.t.z,
                     sums[9] - (dot(f * by_centre, ray) + dot(by_tangent, ray) / p.t.z +
                                dot(f, by_f) / p.t.z));
    vec3 by_line = colour_slope(i, splat.mean - view.position.xyz,
                                vec3(sums[6], sums[7], sums[8]));
    s.mean = w0 * by_t.x + w1 * by_t.y + w2 * by_t.z + by_line;
    // The camera is at -rotation^T translation, and by_line is minus the slope by that.
    vec3 translation = vec3(view.rows[0].w, view.rows[1].w, view.rows[2].w);
    s.translation = by_t + vec3(dot(w0, by_line), dot(w1, by_line), dot(w2, by_line));
    s.rows[0] = by_t.x * splat.mean + f.x * by_p0 + translation.x * by_line;
    s.rows[1] = by_t.y * splat.mean + f.y * by_p1 + translation.y * by_line;
    s.rows[2] = by_t.z * splat.mean - f.x * p.tangent.x * by_p0 - f.y * p.tangent.y * by_p1 +
                translation.z * by_line;
    return s;
}

bool usable(Slope s) {
    return usable(vec4(s.mean, s.logit)) && usable(vec4(s.log_scale, s.centre)) &&
           usable(s.quaternion) && usable(vec4(s.rows[0], s.translation.x)) &&
           usable(vec4(s.rows[1], s.translation.y)) && usable(vec4(s.rows[2], s.translation.z));
}

Slope zero() {
    return Slope(vec3(0.0), vec3(0.0), vec4(0.0), 0.0, 0.0,
                 vec3[3](vec3(0.0), vec3(0.0), vec3(0.0)), vec3(0.0));
}

// A splat so extreme that the way back overflows does not move; slopes that are no numbers already
// when they come stay so.
Slope steady(Slope s, float sums[kSums]) {
    bool came = true;
    for (uint v = 0u; v < kSums; v++) came = came && usable(vec4(sums[v]));
    if (came && !usable(s)) return zero();
    return s;
}

// Two levels instead of trees: CPU drivers pay for barriers.
void sum_cameras(Slope s, bool anew) {
    uint i = gl_LocalInvocationID.x;
    for (uint r = 0u; r < 3u; r++) {
        for (uint c = 0u; c < 3u; c++) left[(3u * r + c) * 128u + i] = s.rows[r][c];
        left[(9u + r) * 128u + i] = s.translation[r];
    }
    barrier();
    float sum = 0.0;
    if (i < 96u)
        for (uint k = 0u; k < 16u; k++) sum += left[i * 16u + (k + i) % 16u];
    barrier();
    if (i < 96u) left[i] = sum;
    barrier();
    if (i >= 12u) return;
    sum = 0.0;
    for (uint k = 0u; k < 8u; k++) sum += left[i * 8u + k];
    uint at = 12u * workgroup() + i;
    cameras[at] = anew ? sum : cameras[at] + sum;
}

void total_of(uint splat, uint begin, uint end, out float total[kSums]) {
    for (uint v = 0u; v < kSums; v++) total[v] = ADDED ? sums[splat * kSums + v] : 0.0;
    if (ADDED)
        for (uint v = 0u; v < kSums; v++) sums[splat * kSums + v] = 0.0;
    else
        for (uint k = begin - args.first; k < end - args.first; k++)
            for (uint v = 0u; v < kSums; v++) total[v] += sums[k * kSums + v];
}

void main() {
    uint group = workgroup() * gl_WorkGroupSize.x, n = args.capacity;
    uint j = group + gl_LocalInvocationID.x;
    if (group >= n) return;
    uint lowest = counts[group], highest = counts[min(group + gl_WorkGroupSize.x, n) - 1u];
    if (lowest >= args.end || highest < args.first) return;
    Slope s = zero();
    uint begin = j < view.size.z ? counts[j] : 0u;
    if (j < view.size.z && begin >= args.first && begin < args.end) {
        uint i = order[j], end = counts[j + 1u];
        float total[kSums];
        if (begin < end) {
            total_of(i, begin, end, total);
            s = steady(slope_of(i, parameters_of(i), total), total);
        } else for (uint k = 0u; k < HARMONICS; k++)
            put(11u * n + 3u * (HARMONICS * i + k), vec3(0.0));
        put(3u * i, s.mean);
        put(3u * n + 3u * i, s.log_scale);
        for (uint k = 0u; k < 4u; k++) gradient[6u * n + 4u * i + k] = s.quaternion[k];
        gradient[10u * n + i] = s.logit;
        gradient[(11u + 3u * HARMONICS) * n + i] = s.centre;
    }
    sum_cameras(s, lowest >= args.first);
}
