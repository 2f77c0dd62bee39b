// Noise that reproduces: the same seed gives the same numbers as the software that a picture, a
// clip or a sound was first made with.
//
// A latent is drawn whole, in row-major [n, c, ...] order. One seed draws the whole batch from one
// stream; several seeds (as many as samples) draw each sample from its own stream, so that sample i
// does not depend on its neighbours.
#pragma once
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// torch.Generator("cpu") as torch.randn uses it for float32. Bit-exact with torch's vector path on
// x86-64 (AVX2 or better) for 16 values and more; shorter draws use its scalar path in double.
// The state, with the spare value of the scalar path, carries over from call to call.
class TorchGenerator {
public:
    explicit TorchGenerator(uint64_t seed);   // torch seeds mt19937 with the low 32 bits only

    void normal(std::span<float> out);    // torch.randn(out.size())
    void uniform(std::span<float> out);   // torch.rand(out.size()), in [0, 1)

private:
    float next_uniform();
    double next_uniform_double();

    std::mt19937 engine_;
    double spare_ = 0;
    bool has_spare_ = false;
};

// Philox4x32-10 as curand's normal draws it for tensors small enough that a thread makes one value
// (stable-diffusion-webui's "NV" source). The counter advances by one a call.
class PhiloxGenerator {
public:
    explicit PhiloxGenerator(uint64_t seed) : seed_(seed) {}
    void normal(std::span<float> out);

private:
    uint64_t seed_;
    uint32_t calls_ = 0;
};

// What a sampler draws from: standard normal values, in the order described above.
class NoiseSource {
public:
    virtual ~NoiseSource() = default;
    virtual void fill(std::span<float> out) = 0;
};

// `kind` is "torch" or "philox". `seeds` is one, or as many as there are samples in every draw.
Result<std::unique_ptr<NoiseSource>> make_noise(std::string_view kind,
                                                std::span<const uint64_t> seeds);

// numpy.random.SeedSequence(entropy, spawn_key, pool_size).generate_state(count).
std::vector<uint32_t> seed_sequence(uint64_t entropy, std::span<const uint32_t> spawn_key,
                                    int pool_size, int count);

}   // namespace kiln
