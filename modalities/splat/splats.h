// A cloud of Gaussian splats as plain arrays on the host: what the rasteriser draws, the optimiser
// changes and the files of modalities/splat/assets hold.
// Source: Kerbl, Kopanas, Leimkuehler, Drettakis. 3D Gaussian Splatting for Real-Time Radiance
// Field Rendering. 2023, sections 4 and 5.
//
// The world is right-handed with x to the right, y up and z towards who looks at the front of an
// object; lengths are metres. glTF and three.js have the same axes. Values are stored before their
// activation, as they are optimised:
//     scale = exp(log_scale),  opacity = 1 / (1 + exp(-logit)),  rotation = q / |q|,
//     colour = max(0, 0.5 + sum_k Y_k(d) c_k), d the unit direction from the camera to the mean,
// and colours are display-referred sRGB. The covariance is R diag(scale^2) R^T.
#pragma once
#include <cstddef>
#include <vector>

namespace kiln {

inline constexpr int kMaxShDegree = 3;
inline constexpr float kShDc = 0.28209479177387814f;   // Y_0

// Coefficients a channel of spherical harmonics up to a degree.
constexpr int sh_count(int degree) { return (degree + 1) * (degree + 1); }

struct Splats {
    int sh_degree = 0;                // 0 to kMaxShDegree
    std::vector<float> means;         // [n, 3]
    std::vector<float> log_scales;    // [n, 3], along the axes of the rotation
    std::vector<float> quaternions;   // [n, 4], w x y z; of any length but zero
    std::vector<float> logits;        // [n]
    std::vector<float> sh;            // [n, sh_count(sh_degree), 3], real, Condon-Shortley phase:
                                      // k = l * l + l + m is Y_lm; the last axis is r g b
    bool antialiased = false;         // made for a rasteriser that compensates its low-pass filter

    size_t size() const { return logits.size(); }
};

// Room for n splats, all zero but the quaternions, which are no rotation.
inline Splats make_splats(size_t n, int sh_degree) {
    Splats s;
    s.sh_degree = sh_degree;
    s.means.resize(n * 3), s.log_scales.resize(n * 3), s.logits.resize(n);
    s.quaternions.resize(n * 4);
    for (size_t i = 0; i < n; i++) s.quaternions[i * 4] = 1;
    s.sh.resize(n * size_t(sh_count(sh_degree)) * 3);
    return s;
}

}   // namespace kiln
