// Where a ray enters a solid. Bodies are intersected in their canonical space (A. Glassner, ed.,
// "An Introduction to Ray Tracing", 1989, ch. 2); tori by sphere tracing (J. Hart, "Sphere
// Tracing", 1996). For render.cpp alone: internal linkage lets the compiler inline all of it.
#pragma once

#include <algorithm>

#include "shapes.h"

namespace world {

constexpr float kFar = 1e9f;

struct Ray {
    Vec o, d;
};

// The affine map from the world to a part's canonical space, by rows.
struct Solid {
    Body body;
    Paint paint;
    float a, b;
    Vec row[3];
    float shift[3];
    Vec centre;
    float radius;
    Ray local(const Ray& r) const {
        return {
            {dot(row[0], r.o) + shift[0], dot(row[1], r.o) + shift[1], dot(row[2], r.o) + shift[2]},
            {dot(row[0], r.d), dot(row[1], r.d), dot(row[2], r.d)}};
    }
};

static bool misses(const Ray& r, Vec centre, float radius) {   // r.d has unit length
    const Vec m = centre - r.o;
    const float b = dot(m, r.d), c = dot(m, m) - radius * radius;
    return c > 0 && (b < 0 || b * b < c);
}

// Narrows [t0, t1] to the half-space n.p <= k and keeps the normal of the entry.
static bool clip(const Ray& r, Vec n, float k, float& t0, float& t1, Vec& normal) {
    const float den = dot(n, r.d), num = k - dot(n, r.o);
    if (std::fabs(den) < 1e-9f) return num >= 0;
    const float t = num / den;
    if (den < 0) {
        if (t > t0) {
            t0 = t;
            normal = n;
        }
    } else {
        t1 = std::min(t1, t);
    }
    return t0 < t1;
}

static bool quadratic(float a, float b, float c, float& t0, float& t1) {
    const float disc = b * b - a * c;
    if (disc < 0 || std::fabs(a) < 1e-12f) return false;
    const float s = std::sqrt(disc);
    t0 = (-b - s) / a;
    t1 = (-b + s) / a;
    if (t0 > t1) std::swap(t0, t1);
    return true;
}

static bool hit_sphere(const Ray& r, bool half, float& t, Vec& n) {
    float t0, t1;
    if (!quadratic(dot(r.d, r.d), dot(r.o, r.d), dot(r.o, r.o) - 1, t0, t1)) return false;
    n = r.o + r.d * t0;
    if (half && !clip(r, {0, -1, 0}, 0, t0, t1, n)) return false;
    t = t0;
    return true;
}

static bool hit_box(const Ray& r, float a, float b, float& t, Vec& n) {
    float t0 = -kFar, t1 = kFar;
    const float sx = (1 - a) / 2, kx = (1 + a) / 2, sz = (1 - b) / 2, kz = (1 + b) / 2;
    if (!clip(r, {0, 1, 0}, 1, t0, t1, n) || !clip(r, {0, -1, 0}, 1, t0, t1, n) ||
        !clip(r, {1, sx, 0}, kx, t0, t1, n) || !clip(r, {-1, sx, 0}, kx, t0, t1, n) ||
        !clip(r, {0, sz, 1}, kz, t0, t1, n) || !clip(r, {0, sz, -1}, kz, t0, t1, n))
        return false;
    t = t0;
    return true;
}

static bool hit_frustum(const Ray& r, float a, float& t, Vec& n) {
    const float k = (1 + a) / 2, s = (a - 1) / 2;   // radius k + s y, positive on [-1, 1]
    const float ro = k + s * r.o.y, rd = s * r.d.y;
    float t0, t1;
    const float qa = r.d.x * r.d.x + r.d.z * r.d.z - rd * rd;
    if (!quadratic(qa, r.o.x * r.d.x + r.o.z * r.d.z - ro * rd,
                   r.o.x * r.o.x + r.o.z * r.o.z - ro * ro, t0, t1))
        return false;
    if (qa < 0) {   // the ray is steeper than the side: it is inside one nappe beyond a root
        if (ro + rd * t1 > 0 && rd > 0) {
            t0 = t1;
            t1 = kFar;
        } else if (ro + rd * t0 > 0 && rd < 0) {
            t1 = t0;
            t0 = -kFar;
        } else
            return false;
    } else if (ro + rd * t0 < 0 && ro + rd * t1 < 0) {
        return false;
    }
    const Vec p = r.o + r.d * std::max(t0, -1e4f);
    n = {p.x, -s * (k + s * p.y), p.z};
    if (!clip(r, {0, 1, 0}, 1, t0, t1, n) || !clip(r, {0, -1, 0}, 1, t0, t1, n)) return false;
    t = t0;
    return true;
}

static bool hit_torus(const Ray& r, float a, float& t, Vec& n) {
    const float length = std::sqrt(dot(r.d, r.d)), outer = 1 + a;
    float t0 = 0, t1 = kFar;
    float s0, s1;
    if (!quadratic(dot(r.d, r.d), dot(r.o, r.d), dot(r.o, r.o) - outer * outer, s0, s1))
        return false;
    t0 = std::max(t0, s0);
    t1 = std::min(t1, s1);
    Vec ignored;
    if (!clip(r, {0, 1, 0}, a, t0, t1, ignored) || !clip(r, {0, -1, 0}, a, t0, t1, ignored))
        return false;
    for (int i = 0; i < 48 && t0 < t1; ++i) {
        const Vec p = r.o + r.d * t0;
        const float q = std::sqrt(p.x * p.x + p.z * p.z);
        const float e = std::sqrt((q - 1) * (q - 1) + p.y * p.y) - a;
        if (e < 1e-3f) {
            t = t0;
            n = {p.x * (q - 1) / q, p.y, p.z * (q - 1) / q};
            return true;
        }
        t0 += e / length;
    }
    return false;
}

static bool hit_solid(const Solid& s, const Ray& r, float& t, Vec& n) {
    switch (s.body) {
        case Body::sphere: return hit_sphere(r, false, t, n);
        case Body::hemisphere: return hit_sphere(r, true, t, n);
        case Body::box: return hit_box(r, s.a, s.b, t, n);
        case Body::frustum: return hit_frustum(r, s.a, t, n);
        case Body::torus: return hit_torus(r, s.a, t, n);
    }
    return false;
}

}   // namespace world
