// Textured meshes and splats as a camera at infinity sees them, on the host and in the plainest
// way.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>

#include "modalities/splat/assets/transform.h"
#include "modalities/splat/mesh/extract.h"
#include "modalities/splat/mesh/gaussian.h"

namespace kiln::test {

// Calls act(x, y, shares of the corners) for every centre (x + 0.5, y + 0.5) / scale inside.
template <class P, class F>
void each_inside(const P& a, const P& b, const P& c, double scale, F act) {
    const double area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
    if (area == 0) return;
    const auto low = [&](size_t i) {
        return int(std::floor(std::min({a[i], b[i], c[i]}) * scale)) - 1;
    };
    const auto high = [&](size_t i) {
        return int(std::ceil(std::max({a[i], b[i], c[i]}) * scale));
    };
    for (int y = low(1); y <= high(1); y++)
        for (int x = low(0); x <= high(0); x++) {
            const double px = (x + 0.5) / scale, py = (y + 0.5) / scale;
            const double q = ((px - a[0]) * (c[1] - a[1]) - (py - a[1]) * (c[0] - a[0])) / area;
            const double r = ((b[0] - a[0]) * (py - a[1]) - (b[1] - a[1]) * (px - a[0])) / area;
            if (q >= 0 && r >= 0 && q + r <= 1) act(x, y, Vec3{1 - q - r, q, r});
        }
}

struct Sample {
    Vec3 place, normal, colour;
};

// What a mesh has at a place of a triangle, its texture read bilinearly.
inline Sample sample_of(const TexturedMesh& m, size_t triangle, const Vec3& share) {
    Sample s{};
    double uv[2] = {};
    for (size_t k = 0; k < 3; k++) {
        const size_t i = m.mesh.triangles[triangle][k];
        for (size_t c = 0; c < 3; c++) {
            s.place[c] += share[k] * double(m.mesh.positions[i * 3 + c]);
            s.normal[c] += share[k] * double(m.mesh.normals[i * 3 + c]);
        }
        for (size_t c = 0; c < 2; c++) uv[c] += share[k] * double(m.mesh.uvs[i * 2 + c]);
    }
    s.normal = (1 / std::sqrt(dot(s.normal, s.normal))) * s.normal;
    const double x = uv[0] * m.texture.width - 0.5, y = uv[1] * m.texture.height - 0.5;
    for (int j = 0; j < 2; j++)
        for (int i = 0; i < 2; i++) {
            const int column = int(std::floor(x)) + i, row = int(std::floor(y)) + j;
            const double weight = (1 - std::abs(x - column)) * (1 - std::abs(y - row));
            const uint8_t* p = &m.texture.pixels[size_t(row * m.texture.width + column) * 3];
            for (size_t c = 0; c < 3; c++) s.colour[c] += weight * p[c] / 255;
        }
    return s;
}

// The surface of a mesh, the points that a texture's charts repeat being one again.
inline Surface welded(const Mesh& mesh) {
    Surface s;
    std::map<std::array<float, 3>, uint32_t> known;
    std::vector<uint32_t> renamed;
    for (size_t i = 0; i < mesh.positions.size(); i += 3) {
        const float* p = &mesh.positions[i];
        const auto at = known.emplace(std::array{p[0], p[1], p[2]}, uint32_t(s.points.size()));
        if (at.second) s.points.push_back({p[0], p[1], p[2]});
        renamed.push_back(at.first->second);
    }
    for (const Triangle& t : mesh.triangles)
        s.triangles.push_back({renamed[t[0]], renamed[t[1]], renamed[t[2]]});
    return s;
}

// Splats of degree 0 along the line through a place against a direction, composited in full.
inline Vec3 seen_along(const Splats& s, const std::vector<Gaussian>& cloud, const Vec3& place,
                       const Vec3& out) {
    std::vector<std::array<double, 3>> hits;   // along, alpha, index
    for (const Gaussian& g : cloud) {
        const Vec3 from = place - g.mean, turned = g.conic * out;
        const double along = -dot(from, turned) / dot(out, turned);
        const double alpha = std::min(0.99, g(place + along * out));
        if (alpha >= 1 / 255.0) hits.push_back({-along, alpha, double(g.splat)});
    }
    std::sort(hits.begin(), hits.end());
    Vec3 colour{};
    double light = 1;
    for (const auto& hit : hits) {
        for (size_t c = 0; c < 3; c++)
            colour[c] += light * hit[1] * (0.5 + double(kShDc * s.sh[size_t(hit[2]) * 3 + c]));
        light *= 1 - hit[1];
    }
    return colour;
}

// How alike a mesh and the splats that it was made of look from the horizon, where the mesh faces
// the camera within 45 degrees, in dB.
inline double psnr_from(const TexturedMesh& m, const Splats& s, double angle, int size) {
    const Vec3 out = {std::sin(angle), 0, std::cos(angle)},
               right = {std::cos(angle), 0, -std::sin(angle)};
    std::vector<double> depth(size_t(size * size), -1e300);
    std::vector<Sample> nearest(depth.size());
    const auto flat = [&](uint32_t i) {
        const Vec3 p = {m.mesh.positions[i * 3], m.mesh.positions[i * 3 + 1],
                        m.mesh.positions[i * 3 + 2]};
        return std::array<double, 2>{(1 + dot(right, p)) / 2, (1 + p[1]) / 2};
    };
    for (size_t t = 0; t < m.mesh.triangles.size(); t++) {
        const Triangle& c = m.mesh.triangles[t];
        each_inside(flat(c[0]), flat(c[1]), flat(c[2]), size, [&](int x, int y, const Vec3& share) {
            const Sample at = sample_of(m, t, share);
            double& most = depth[size_t(y * size + x)];
            if (dot(out, at.place) <= most) return;
            most = dot(out, at.place);
            nearest[size_t(y * size + x)] = at;
        });
    }
    const std::vector<Gaussian> cloud = gaussians_of(s, 1e-6);
    double error = 0, values = 0;
    for (size_t i = 0; i < depth.size(); i++) {
        if (depth[i] < -1e299 || dot(nearest[i].normal, out) < 0.7) continue;
        const Vec3 want = seen_along(s, cloud, nearest[i].place, out);
        for (size_t c = 0; c < 3; c++, values++)
            error += std::pow(nearest[i].colour[c] - want[c], 2);
    }
    return values > 300 ? 10 * std::log10(values / error) : 0;
}

}   // namespace kiln::test
