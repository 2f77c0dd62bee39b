// The solids of the default model's world, each built from a handful of convex primitives and tori.
// Object space: y up, standing on y = 0, the front (where a shape has one) towards +z.
#pragma once

#include <array>
#include <cmath>
#include <vector>

namespace world {

struct Vec {
    float x = 0, y = 0, z = 0;
};
inline Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec operator*(Vec a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline Vec operator*(Vec a, Vec b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline float dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec normalize(Vec a) { return a * (1.0f / std::sqrt(dot(a, a) + 1e-20f)); }
inline Vec cross(Vec a, Vec b) {
    return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
inline Vec mix(Vec a, Vec b, float t) { return a * (1 - t) + b * t; }

// Canonical bodies: unit sphere; its upper half; box [-1,1]^3 whose top face is scaled by (a, b);
// unit frustum y in [-1,1] with top radius a; torus about y with major radius 1 and minor radius a.
enum class Body { sphere, hemisphere, box, frustum, torus };

// Which colour a primitive takes: the object's own, a darker shade of it, or a fixed accent.
enum class Paint { own, shade, dark, white, cream, glass, yellow, red, orange, brown, grey };

struct Part {
    Body body;
    Paint paint;
    Vec centre;
    Vec size;
    float a = 1, b = 1;
    float pitch = 0;   // rotation about x, radians, applied before `roll`
    float roll = 0;    // rotation about z, radians
};

enum Shape {
    cube,
    ball,
    cylinder,
    cone,
    ring,
    pyramid,
    mushroom,
    bottle,
    house,
    mug,
    car,
    chair,
    teapot,
    robot,
    duck,
    boat,
    shape_count
};

std::vector<Part> parts_of(int shape);

}   // namespace world
