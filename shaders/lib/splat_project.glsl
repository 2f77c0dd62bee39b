// A Gaussian in space projected to one in the picture, for the forward and the backward kernel.
// Source: Zwicker, Pfister, van Baar, Gross. EWA Volume Splatting. 2001, sections 4.3 and 5; Kerbl
// et al. 3D Gaussian Splatting, 2023; its mean compensation: Yu et al. Mip-Splatting, 2024, 4.2.
#ifndef KILN_SPLAT_PROJECT_GLSL
#define KILN_SPLAT_PROJECT_GLSL
#include "lib/splat.glsl"

struct Parameters {
    vec3 mean, scale;
    vec4 quaternion;   // w, x, y, z as stored
    float logit;
};

struct Projection {
    vec3 t;             // the mean as the camera sees it
    vec4 unit;          // the quaternion at length 1: w, x, y, z
    mat3 axes;          // columns: the axes of the rotation
    vec2 tangent;       // t.xy / t.z, clamped for the Jacobian
    bvec2 clamped;
    vec3 p0, p1;        // rows of Jacobian times world-to-camera
    vec3 a0, a1;        // rows of p R diag(scale); the covariance is a a^T
    vec3 covariance;    // xx, xy, yy with the low-pass filter
    float determinant;  // of that
    float ratio;        // of the determinants without and with the filter
    float compensation; // of the opacity, 1 where not anti-aliased
    float sigmoid;
};

const float kLeastCompensation = 0.005;

mat3 rotation_of(vec4 q) {
    float w = q.x, x = q.y, y = q.z, z = q.w;
    return mat3(1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + w * z), 2.0 * (x * z - w * y),
                2.0 * (x * y - w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + w * x),
                2.0 * (x * z + w * y), 2.0 * (y * z - w * x), 1.0 - 2.0 * (x * x + y * y));
}

Projection project(ViewBlock view, Parameters splat) {
    Projection p;
    vec3 w0 = view.rows[0].xyz, w1 = view.rows[1].xyz, w2 = view.rows[2].xyz;
    p.t = vec3(dot(w0, splat.mean) + view.rows[0].w, dot(w1, splat.mean) + view.rows[1].w,
               dot(w2, splat.mean) + view.rows[2].w);
    p.unit = splat.quaternion / length(splat.quaternion);
    p.axes = rotation_of(p.unit);
    float z = p.t.z;
    vec2 tangent = p.t.xy / z;
    p.tangent = clamp(tangent, -view.limits.xz, view.limits.yw);
    p.clamped = notEqual(p.tangent, tangent);
    vec2 f = view.focal.xy / z;
    p.p0 = f.x * (w0 - p.tangent.x * w2);
    p.p1 = f.y * (w1 - p.tangent.y * w2);
    p.a0 = (p.p0 * p.axes) * splat.scale;
    p.a1 = (p.p1 * p.axes) * splat.scale;
    float e = view.background.w;
    float xx = dot(p.a0, p.a0), yy = dot(p.a1, p.a1);
    vec3 normal = cross(p.a0, p.a1);
    float unfiltered = dot(normal, normal);   // Gram's determinant: no cancellation
    p.covariance = vec3(xx + e, dot(p.a0, p.a1), yy + e);
    p.determinant = unfiltered + e * (xx + yy) + e * e;
    p.ratio = unfiltered / p.determinant;
    bool antialiased = view.size.w >= 256u;
    p.compensation =
        antialiased ? sqrt(max(p.ratio, kLeastCompensation * kLeastCompensation)) : 1.0;
    p.sigmoid = 1.0 / (1.0 + exp(-splat.logit));
    return p;
}

vec3 conic_of(Projection p) {
    return vec3(p.covariance.z, -p.covariance.y, p.covariance.x) / p.determinant;
}

uint smallest(vec3 scale) {
    return scale.x <= scale.y && scale.x <= scale.z ? 0u : scale.y <= scale.z ? 1u : 2u;
}

// +1 or -1: whether an axis or its opposite faces the camera.
float facing(vec3 axis, vec3 mean, vec3 camera) {
    return dot(axis, camera - mean) >= 0.0 ? 1.0 : -1.0;
}

// Whether all are numbers below 1e18, so that products of two are numbers too. By bits: compilers
// may take it for granted that nothing is infinite.
bool usable(vec4 v) {
    return all(lessThan(floatBitsToUint(v) & 0x7fffffffu, uvec4(floatBitsToUint(1e18))));
}

#endif
