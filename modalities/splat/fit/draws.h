// Random numbers by seed and place in a run, the same everywhere: of the standard library only the
// engines are that.
#pragma once
#include <cmath>
#include <cstdint>
#include <random>

namespace kiln {

class Draws {
public:
    Draws(uint64_t seed, uint64_t stream) {
        std::seed_seq mixed{uint32_t(seed), uint32_t(seed >> 32), uint32_t(stream),
                            uint32_t(stream >> 32)};
        engine_.seed(mixed);
    }
    double share() { return double(engine_()) / 4294967296.0; }   // in [0, 1)
    double between(double low, double high) { return std::lerp(low, high, share()); }

private:
    std::mt19937 engine_;
};

}   // namespace kiln
