// Mersenne twister (Matsumoto and Nishimura, "Mersenne Twister", 1998) with Box-Muller in the order
// and the arithmetic of torch.randn, and Philox (Salmon et al., "Parallel Random Numbers: As Easy
// as 1, 2, 3", 2011) in those of curand.
#include "modalities/diffusion/rng.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>

namespace kiln {
namespace {

// Natural logarithm and sine in single precision by the polynomials of the Cephes library (Moshier,
// "Methods and Programs for Mathematical Functions", 1989). Where torch's vector code fuses a
// product into a sum, so does this: bits would differ otherwise.
float cephes_log(float x) {
    constexpr float kCoefficients[] = {-1.1514610310e-1f, 1.1676998740e-1f,  -1.2420140846e-1f,
                                       1.4249322787e-1f,  -1.6668057665e-1f, 2.0000714765e-1f,
                                       -2.4999993993e-1f, 3.3333331174e-1f};
    x = std::max(x, std::bit_cast<float>(0x00800000u));
    const uint32_t bits = std::bit_cast<uint32_t>(x);
    float exponent = float(int(bits >> 23) - 126);
    x = std::bit_cast<float>((bits & 0x807fffffu) | 0x3f000000u);   // in [0.5, 1)
    const bool low = x < 0.707106781186547524f;
    const float again = low ? x : 0.0f;
    x = (x - 1.0f) + again;
    if (low) exponent -= 1.0f;

    const float square = x * x;
    float y = 7.0376836292e-2f;
    for (float c : kCoefficients) y = std::fma(y, x, c);
    y = y * x;
    y = std::fma(y, square, exponent * -2.12194440e-4f);
    y = std::fma(-square, 0.5f, y);
    return std::fma(exponent, 0.693359375f, x + y);
}

struct SinCos {
    float sin, cos;
};

SinCos cephes_sincos(float x) {   // x >= 0
    const int octant = (int(x * 1.27323954473516f) + 1) & ~1;
    const float y = float(octant);
    x = std::fma(y, -0.78515625f, x);
    x = std::fma(y, -2.4187564849853515625e-4f, x);
    x = std::fma(y, -3.77489497744594108e-8f, x);

    const float square = x * x;
    float c = 2.443315711809948e-5f;
    c = std::fma(c, square, -1.388731625493765e-3f);
    c = std::fma(c, square, 4.166664568298827e-2f);
    c = c * square;
    c = std::fma(c, square, -(square * 0.5f)) + 1.0f;
    float s = -1.9515295891e-4f;
    s = std::fma(s, square, 8.3321608736e-3f);
    s = std::fma(s, square, -1.6666654611e-1f);
    s = s * square;
    s = std::fma(s, x, x);

    if (octant & 2) std::swap(s, c);
    if (octant & 4) s = -s;
    if (!((octant - 2) & 4)) c = -c;
    return {s, c};
}

void box_muller_16(float* block) {
    for (int j = 0; j < 8; ++j) {
        const float radius = std::sqrt(-2.0f * cephes_log(1.0f - block[j]));
        const SinCos turn = cephes_sincos(2.0f * std::numbers::pi_v<float> * block[j + 8]);
        block[j] = radius * turn.cos;
        block[j + 8] = radius * turn.sin;
    }
}

template <class Generator>
class SeededNoise final : public NoiseSource {
public:
    explicit SeededNoise(std::span<const uint64_t> seeds) {
        for (uint64_t seed : seeds) generators_.emplace_back(seed);
    }
    void fill(std::span<float> out) override {
        const size_t each = out.size() / generators_.size();
        ensure(each * generators_.size() == out.size(), "one seed a sample");
        for (size_t i = 0; i < generators_.size(); ++i)
            generators_[i].normal(out.subspan(i * each, each));
    }

private:
    std::vector<Generator> generators_;
};

}   // namespace

TorchGenerator::TorchGenerator(uint64_t seed) : engine_(uint32_t(seed)) {}

float TorchGenerator::next_uniform() { return float(engine_() & 0xffffffu) * 0x1p-24f; }

double TorchGenerator::next_uniform_double() {
    const uint64_t high = engine_();
    const uint64_t low = engine_();
    return double(((high << 32) | low) & ((uint64_t(1) << 53) - 1)) * 0x1p-53;
}

void TorchGenerator::uniform(std::span<float> out) {
    for (float& value : out) value = next_uniform();
}

void TorchGenerator::normal(std::span<float> out) {
    if (out.size() >= 16) {
        uniform(out);
        for (size_t i = 0; i + 16 <= out.size(); i += 16) box_muller_16(&out[i]);
        if (out.size() % 16 != 0) {   // torch draws the last 16 values anew
            const auto tail = out.last(16);
            uniform(tail);
            box_muller_16(tail.data());
        }
        return;
    }
    for (float& value : out) {
        if (has_spare_) {
            value = float(spare_);
            has_spare_ = false;
            continue;
        }
        const double turn = 2.0 * std::numbers::pi * next_uniform_double();
        const double radius = std::sqrt(-2.0 * std::log1p(-next_uniform_double()));
        spare_ = radius * std::sin(turn);
        has_spare_ = true;
        value = float(radius * std::cos(turn));
    }
}

void PhiloxGenerator::normal(std::span<float> out) {
    const double scale = double(2.3283064e-10f);
    const double turn_scale = double(float(2.3283064e-10 * 6.2831855));
    for (size_t i = 0; i < out.size(); ++i) {
        uint32_t c[4] = {calls_, 0, uint32_t(i), 0};
        uint32_t key[2] = {uint32_t(seed_), uint32_t(seed_ >> 32)};
        for (int round = 0; round < 10; ++round) {
            const uint64_t a = uint64_t(0xD2511F53u) * c[0];
            const uint64_t b = uint64_t(0xCD9E8D57u) * c[2];
            const uint32_t next[4] = {uint32_t(b >> 32) ^ c[1] ^ key[0], uint32_t(b),
                                      uint32_t(a >> 32) ^ c[3] ^ key[1], uint32_t(a)};
            std::copy(next, next + 4, c);
            key[0] += 0x9E3779B9u;
            key[1] += 0xBB67AE85u;
        }
        const double u = c[0] * scale + scale / 2;
        const double v = c[1] * turn_scale + turn_scale / 2;
        out[i] = float(std::sqrt(-2.0 * std::log(u)) * std::sin(v));
    }
    ++calls_;
}

Result<std::unique_ptr<NoiseSource>> make_noise(std::string_view kind,
                                                std::span<const uint64_t> seeds) {
    if (seeds.empty()) return Error{Status::usage, "noise needs at least one seed"};
    std::unique_ptr<NoiseSource> source;
    if (kind == "torch") source = std::make_unique<SeededNoise<TorchGenerator>>(seeds);
    if (kind == "philox") source = std::make_unique<SeededNoise<PhiloxGenerator>>(seeds);
    if (!source)
        return Error{Status::usage,
                     "unknown noise source \"" + std::string(kind) + "\"; known: torch, philox"};
    return source;
}

namespace {

// The hash of numpy.random.SeedSequence (O'Neill, "Developing a seed_seq Alternative", 2015).
struct SeedHash {
    uint32_t constant = 0x43b0d7e5u;

    uint32_t operator()(uint32_t value) {
        value ^= constant;
        constant *= 0x931e8875u;
        value *= constant;
        return value ^ (value >> 16);
    }
    static uint32_t mix(uint32_t x, uint32_t y) {
        const uint32_t value = 0xca01f9ddu * x - 0x4973f715u * y;
        return value ^ (value >> 16);
    }
};

}   // namespace

std::vector<uint32_t> seed_sequence(uint64_t entropy, std::span<const uint32_t> spawn_key,
                                    int pool_size, int count) {
    const size_t size = size_t(pool_size);
    std::vector<uint32_t> words = {uint32_t(entropy)};
    if (entropy >> 32) words.push_back(uint32_t(entropy >> 32));
    if (!spawn_key.empty()) words.resize(std::max(words.size(), size), 0);
    words.insert(words.end(), spawn_key.begin(), spawn_key.end());

    SeedHash hash;
    std::vector<uint32_t> pool(size);
    for (size_t i = 0; i < size; ++i) pool[i] = hash(i < words.size() ? words[i] : 0);
    for (size_t from = 0; from < size; ++from)
        for (size_t to = 0; to < size; ++to)
            if (from != to) pool[to] = SeedHash::mix(pool[to], hash(pool[from]));
    for (size_t from = size; from < words.size(); ++from)
        for (size_t to = 0; to < size; ++to) pool[to] = SeedHash::mix(pool[to], hash(words[from]));

    std::vector<uint32_t> state;
    uint32_t constant = 0x8b51f9ddu;
    for (int i = 0; i < count; ++i) {
        uint32_t value = pool[size_t(i) % size] ^ constant;
        constant *= 0x58f38dedu;
        value *= constant;
        state.push_back(value ^ (value >> 16));
    }
    return state;
}

}   // namespace kiln
