// What a radiance field is made of, and where that lies in one buffer of f32: parameters, their
// gradient and the optimiser's moments alike.
// Source: Mueller, Evans, Schied, Keller. Instant Neural Graphics Primitives with a Multiresolution
// Hash Encoding. 2022, sections 3 and 5.4.
//
// A place in a cube has two features a level: a grid over the cube whose corners have an entry each
// or, where there are too many of them, share those of a table by a hash. From these features a
// perceptron makes sixteen numbers, the first of which is the logarithm of the density, in samples
// of light lost by one length of the cube; a second one makes the colour from them and from the
// harmonics of the direction. Both have one hidden layer and no biases.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace kiln {

struct FieldOptions {
    std::array<double, 3> centre{};    // of the cube, in the world
    double half = 1;                   // of its side, metres
    int levels = 8;                    // even, 2 to 16
    int entries = 16;                  // of a level: at most two to the power of this, 10 to 22
    int coarsest = 16, finest = 512;   // cells along a side of the first and the last level
    int neurons = 32;                  // of the hidden layers: 32, 64, 96 or 128
    bool directional = true;           // whether colours change with the direction
    uint64_t seed = 0;                 // of what it begins with
};

// What is wrong with them; empty where nothing is.
std::string flaw_of(const FieldOptions& options);

inline constexpr uint32_t kLatent = 16;   // numbers between the perceptrons

class FieldLayout {
public:
    explicit FieldLayout(const FieldOptions& options);   // without flaw

    // As the kernels read it: an invariant of shaders/lib/nerf.glsl.
    struct Level {
        uint32_t cells, first, entries, dense;
    };
    const std::vector<Level>& levels() const { return levels_; }
    uint64_t entries() const;   // of all levels, two values each: they come first
    // Neuron by neuron, what it reads and then what it adds to each output. Where they begin:
    uint64_t density() const;
    uint64_t colour() const;
    uint64_t end() const;
    uint32_t neurons() const { return neurons_; }
    uint32_t features() const { return uint32_t(2 * levels_.size()); }
    uint32_t harmonics() const { return harmonics_; }   // 16 or 0

    // Features near 0, and weights as large as keeps what they are multiplied with.
    std::vector<float> initial(uint64_t seed) const;

private:
    std::vector<Level> levels_;
    uint32_t neurons_, harmonics_;
};

// Steps keep parameters between this and its opposite: an invariant of shaders/nerf/nerf_adam.comp.
inline constexpr float kMostParameter = 1e4f;

// All that steps to come depend on, but the gradient: Adam's moments are as many as parameters.
struct FieldState {
    uint32_t steps = 0;
    std::vector<float> parameters, first, second;
};

}   // namespace kiln
