// Numbers by a seed, the same with every standard library.
#pragma once
#include <cstdint>
#include <random>

namespace kiln::test {

class Random {
public:
    explicit Random(uint32_t seed) : engine_(seed) {}
    double operator()(double low, double high) {
        return low + (high - low) * (double(engine_()) / 4294967296.0);
    }

private:
    std::mt19937 engine_;
};

}   // namespace kiln::test
