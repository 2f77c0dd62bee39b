// Triangles as plain arrays on the host. Outsides are where corners go round counterclockwise.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kiln {

using Vec3 = std::array<double, 3>;

inline Vec3 operator-(const Vec3& a, const Vec3& b) {
    return {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
}
inline Vec3 operator+(const Vec3& a, const Vec3& b) {
    return {a[0] + b[0], a[1] + b[1], a[2] + b[2]};
}
inline Vec3 operator*(double s, const Vec3& a) { return {s * a[0], s * a[1], s * a[2]}; }
inline double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
inline Vec3 cross(const Vec3& a, const Vec3& b) {
    return {a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]};
}

using Triangle = std::array<uint32_t, 3>;

// A surface: what the steps from a grid to a file work on.
struct Surface {
    std::vector<Vec3> points;
    std::vector<Triangle> triangles;

    Vec3 corner(size_t triangle, size_t k) const { return points[triangles[triangle][k]]; }
    // Twice the area of a triangle, along its normal.
    Vec3 area_vector(size_t triangle) const {
        const Vec3 a = corner(triangle, 0);
        return cross(corner(triangle, 1) - a, corner(triangle, 2) - a);
    }
};

// What a file holds: points are repeated where charts of the texture meet.
struct Mesh {
    std::vector<float> positions;   // [n, 3], metres, y up
    std::vector<float> normals;     // [n, 3], unit
    std::vector<float> uvs;         // [n, 2], 0 to 1, from the top left corner of the texture
    std::vector<Triangle> triangles;
};

}   // namespace kiln
