// The rasteriser in double on the CPU, pixel by pixel from the mathematics, without tiles, sorts or
// records: what the kernels are compared with. Its decisions (what is skipped, clamped, flipped,
// stopped, and the order) can be kept and repeated, so that central differences of it are those of
// a smooth function: the gradient that the backward kernels promise.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <random>

#include "modalities/splat/raster/rasteriser.h"
#include "tests/support/harmonics.h"

namespace kiln::test {

struct Scene {
    Splats splats;
    RasterOptions options;
    View view;
};

using Vec3 = std::array<double, 3>;

inline double dot(const Vec3& a, const Vec3& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }

// Everything that a picture depends on and is differentiated by: the sections of SplatSections for
// exactly the splats there are, then rotation and translation of the camera.
inline std::vector<double> variables_of(const Scene& scene) {
    const Splats& s = scene.splats;
    std::vector<double> x;
    for (const std::vector<float>* part :
         {&s.means, &s.log_scales, &s.quaternions, &s.logits, &s.sh})
        x.insert(x.end(), part->begin(), part->end());
    x.insert(x.end(), scene.view.camera.rotation.begin(), scene.view.camera.rotation.end());
    x.insert(x.end(), scene.view.camera.translation.begin(), scene.view.camera.translation.end());
    return x;
}

inline Vec3 harmonics_sum(const double* sh, int count, const Vec3& d) {
    const std::array<double, 16> basis = harmonics(d);
    Vec3 colour{0.5, 0.5, 0.5};
    for (int k = 0; k < count; k++)
        for (size_t c = 0; c < 3; c++) colour[c] += basis[size_t(k)] * sh[size_t(k) * 3 + c];
    return colour;
}

class Twin {
public:
    explicit Twin(const Scene& scene) : scene_(scene), n_(scene.splats.size()) {
        w_ = scene.options.width, h_ = scene.options.height;
    }

    // The picture [h, w, 8] at `x`, deciding anew or as keep() did.
    std::vector<double> draw(const std::vector<double>& x) {
        std::vector<Projected> projected;
        for (size_t i = 0; i < n_; i++) projected.push_back(project(x, i));
        if (!kept_) order(projected);
        std::vector<double> image(size_t(w_) * size_t(h_) * kChannels);
        rays_.resize(size_t(w_) * size_t(h_));
        for (size_t pixel = 0; pixel < rays_.size(); pixel++)
            shade(projected, pixel, &image[pixel * kChannels]);
        return image;
    }
    std::vector<double> keep(const std::vector<double>& x) {
        kept_ = false;
        std::vector<double> image = draw(x);
        kept_ = true;
        return image;
    }
    // Whether a decision of this pixel, or the clamp of a splat in it, is so close that rounding to
    // float may turn it round.
    bool close(size_t pixel) const { return rays_[pixel].close; }

private:
    struct Decided {
        bool culled = false, clamped[2] = {}, high[2] = {}, floored = false, dark[3] = {};
        size_t axis = 0;
        double sign = 1;
    };
    struct Projected {
        bool culled;
        double u, v, depth, opacity, a, b, c;
        Vec3 colour, normal;
    };
    struct Step {
        size_t splat;
        bool saturated;
    };
    struct Ray {
        std::vector<Step> steps;
        bool close = false;
    };

    Projected project(const std::vector<double>& x, size_t i);
    double flatten(Projected& p, const Vec3& t, const double* w, const Vec3 axes[3],
                   const double* ls, Decided& decided) const;
    void orient(const double* q, Vec3 axes[3]) const;
    void order(const std::vector<Projected>& projected);
    void shade(const std::vector<Projected>& projected, size_t pixel, double* out);

    const Scene& scene_;
    size_t n_;
    int w_, h_;
    bool kept_ = false;
    std::vector<Decided> decided_;
    std::vector<size_t> order_;
    std::vector<Ray> rays_;
};

inline void Twin::orient(const double* q, Vec3 axes[3]) const {
    const double length = std::sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);
    const double w = q[0] / length, x = q[1] / length, y = q[2] / length, z = q[3] / length;
    axes[0] = {1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)};
    axes[1] = {2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)};
    axes[2] = {2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)};
}

// The centre and conic of a splat at t; returns the ratio of determinants for its opacity.
inline double Twin::flatten(Projected& p, const Vec3& t, const double* w, const Vec3 axes[3],
                            const double* ls, Decided& decided) const {
    const RasterOptions& o = scene_.options;
    const Camera& camera = scene_.view.camera;
    const double f[2] = {camera.fx, camera.fy}, centre[2] = {camera.cx, camera.cy};
    const double extent[2] = {double(w_), double(h_)};
    double tangent[2];
    for (size_t k = 0; k < 2; k++) {
        const double margin = 0.3 * 0.5 * extent[k] / f[k];
        const double low = -(centre[k] / f[k] + margin),
                     high = (extent[k] - centre[k]) / f[k] + margin;
        tangent[k] = t[k] / t[2];
        if (!kept_) {
            decided.high[k] = tangent[k] > high;
            decided.clamped[k] = decided.high[k] || tangent[k] < low;
        }
        if (decided.clamped[k]) tangent[k] = decided.high[k] ? high : low;
    }
    double cov[2][2] = {};
    Vec3 rows[2];
    for (size_t k = 0; k < 2; k++)
        for (size_t j = 0; j < 3; j++) {
            Vec3 p;
            for (size_t c = 0; c < 3; c++)
                p[c] = f[k] / t[2] * (w[k * 3 + c] - tangent[k] * w[6 + c]);
            rows[k][j] = dot(p, axes[j]) * std::exp(ls[j]);
        }
    for (size_t a = 0; a < 2; a++)
        for (size_t b = 0; b < 2; b++) cov[a][b] = dot(rows[a], rows[b]);
    const double plain = cov[0][0] * cov[1][1] - cov[0][1] * cov[0][1];
    const double xx = cov[0][0] + o.low_pass, yy = cov[1][1] + o.low_pass, xy = cov[0][1];
    const double det = xx * yy - xy * xy;
    if (!kept_) decided.floored = plain / det < 0.005 * 0.005;
    p.u = f[0] * t[0] / t[2] + centre[0], p.v = f[1] * t[1] / t[2] + centre[1], p.depth = t[2];
    p.a = yy / det, p.b = -xy / det, p.c = xx / det;
    return decided.floored ? 0.005 * 0.005 : plain / det;
}

inline Twin::Projected Twin::project(const std::vector<double>& x, size_t i) {
    const RasterOptions& o = scene_.options;
    const size_t stored = size_t(sh_count(scene_.splats.sh_degree));
    const double *m = &x[i * 3], *ls = &x[n_ * 3 + i * 3], *sh = &x[n_ * 11 + i * stored * 3];
    const double* w = &x[n_ * (11 + 3 * stored)];
    const double* d = w + 9;
    decided_.resize(n_);
    Decided& decided = decided_[i];
    Vec3 t, position{}, axes[3], to_camera, direction;
    for (size_t r = 0; r < 3; r++) {
        t[r] = w[r * 3] * m[0] + w[r * 3 + 1] * m[1] + w[r * 3 + 2] * m[2] + d[r];
        for (size_t c = 0; c < 3; c++) position[c] -= w[r * 3 + c] * d[r];
    }
    orient(&x[n_ * 6 + i * 4], axes);
    Projected p{};
    const double ratio = flatten(p, t, w, axes, ls, decided);
    p.opacity = (o.antialiased ? std::sqrt(ratio) : 1) / (1 + std::exp(-x[n_ * 10 + i]));
    for (size_t c = 0; c < 3; c++) to_camera[c] = position[c] - m[c];
    const double length = std::sqrt(dot(to_camera, to_camera));
    for (size_t c = 0; c < 3; c++) direction[c] = -to_camera[c] / length;
    const int degree = std::min(scene_.view.sh_degree, scene_.splats.sh_degree);
    p.colour = harmonics_sum(sh, sh_count(degree), direction);
    if (!kept_) {
        decided.axis = size_t(std::min_element(ls, ls + 3) - ls);
        decided.sign = dot(axes[decided.axis], to_camera) >= 0 ? 1 : -1;
        decided.culled = t[2] < 0.01 || p.opacity < 1 / 255.0;
        for (size_t c = 0; c < 3; c++) decided.dark[c] = p.colour[c] < 0;
    }
    for (size_t c = 0; c < 3; c++) {
        if (decided.dark[c]) p.colour[c] = 0;
        p.normal[c] = decided.sign * axes[decided.axis][c];
    }
    p.culled = decided.culled;
    return p;
}

inline void Twin::order(const std::vector<Projected>& projected) {
    order_.clear();
    for (size_t i = 0; i < n_; i++)
        if (!projected[i].culled) order_.push_back(i);
    std::stable_sort(order_.begin(), order_.end(), [&](size_t a, size_t b) {
        return float(projected[a].depth) < float(projected[b].depth);
    });
}

inline void Twin::shade(const std::vector<Projected>& projected, size_t pixel, double* out) {
    const double px = double(pixel % size_t(w_)) + 0.5, py = double(pixel / size_t(w_)) + 0.5;
    Ray& ray = rays_[pixel];
    if (!kept_) ray = {};
    double transmittance = 1;
    const auto alpha_of = [&](const Projected& p) {
        const double dx = p.u - px, dy = p.v - py;
        return p.opacity * std::exp(-0.5 * (p.a * dx * dx + p.c * dy * dy) - p.b * dx * dy);
    };
    const auto near = [](double a, double b) { return std::abs(a - b) < 2e-4 * b; };
    if (!kept_)
        for (size_t i : order_) {
            const double raw = alpha_of(projected[i]), alpha = std::min(raw, 0.99);
            ray.close |= near(raw, 1 / 255.0);
            if (raw < 1 / 255.0) continue;
            const double next = transmittance * (1 - alpha);
            ray.close |= std::abs(next - 1e-4) < 1e-6 || near(raw, 0.99);
            if (next < 1e-4) break;
            ray.steps.push_back({i, raw > 0.99});
            transmittance = next;
        }
    transmittance = 1;
    for (const Step& step : ray.steps) {
        const Projected& p = projected[step.splat];
        const double alpha = step.saturated ? 0.99 : alpha_of(p), weight = alpha * transmittance;
        for (size_t c = 0; c < 3; c++) {
            out[c] += weight * p.colour[c];
            out[5 + c] += weight * p.normal[c];
        }
        out[4] += weight * p.depth;
        transmittance *= 1 - alpha;
    }
    for (size_t c = 0; c < 3; c++) out[c] += transmittance * double(scene_.view.background[c]);
    out[3] = 1 - transmittance;
}

// `n` splats in front of a camera that looks at them a little askew, some of them far out, where
// the Jacobian is clamped, some so opaque that alpha saturates.
inline Scene random_scene(size_t n, int degree, int width, int height, uint32_t seed,
                          bool antialiased = true) {
    std::mt19937 random(seed);
    const auto uniform = [&](double low, double high) {
        return float(low + (high - low) * (double(random()) / 4294967295.0));
    };
    Scene scene;
    scene.splats = make_splats(n, degree);
    for (size_t i = 0; i < n; i++) {
        const float wide = i % 5 == 4 ? 5.0f : 1.2f;
        scene.splats.means[i * 3] = uniform(-wide, wide);
        scene.splats.means[i * 3 + 1] = uniform(-wide, wide);
        scene.splats.means[i * 3 + 2] = uniform(-1, 1);
        for (size_t k = 0; k < 3; k++)
            scene.splats.log_scales[i * 3 + k] = uniform(-3.2, wide > 2 ? 0.7 : -1.2);
        for (size_t k = 0; k < 4; k++) scene.splats.quaternions[i * 4 + k] = uniform(-1, 1);
        scene.splats.logits[i] = i % 7 == 6 ? 6.0f : uniform(-3, 2.5);
    }
    for (float& v : scene.splats.sh) v = uniform(-0.6, 0.9);
    scene.options = {.width = width,
                     .height = height,
                     .splats = uint32_t(n),
                     .sh_degree = degree,
                     .antialiased = antialiased};
    Camera& camera = scene.view.camera;
    const float c = std::cos(0.3f), s = std::sin(0.3f);
    camera.rotation = {c, 0, s, 0, 1, 0, -s, 0, c};
    camera.translation = {0.1f, -0.2f, 3.0f};
    camera.fx = float(width) * 0.9f, camera.fy = float(width) * 0.95f;
    camera.cx = float(width) * 0.47f, camera.cy = float(height) * 0.55f;
    scene.view.background = {0.2f, 0.5f, 0.8f};
    return scene;
}

}   // namespace kiln::test
