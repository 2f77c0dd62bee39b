// Naive tensors in double: what operators are tested against. Everything is written the long way.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "runtime/base/shape.h"

namespace kiln::test {

using Index = std::vector<int64_t>;

struct Array {
    Shape shape;
    std::vector<double> values;

    Array() = default;
    explicit Array(Shape s) : shape(std::move(s)), values(size_t(shape.count())) {}
    // Every element from its index.
    Array(Shape s, const std::function<double(const Index&)>& f) : Array(std::move(s)) {
        Index i(size_t(shape.rank()), 0);
        for (double& v : values) {
            v = f(i);
            for (int axis = shape.rank() - 1; axis >= 0 && ++i[size_t(axis)] == shape[axis]; axis--)
                i[size_t(axis)] = 0;
        }
    }

    size_t at(const Index& index) const {
        int64_t offset = 0;
        for (int axis = 0; axis < shape.rank(); axis++)
            offset = offset * shape[axis] + index[size_t(axis)];
        return size_t(offset);
    }
    double operator()(const Index& index) const { return values[at(index)]; }
    double& operator()(const Index& index) { return values[at(index)]; }

    // The element that `index` of a larger shape reads when this one broadcasts to it.
    double broadcast(const Index& index) const {
        Index own;
        for (int axis = 0; axis < shape.rank(); axis++) {
            int64_t i = index[index.size() - size_t(shape.rank()) + size_t(axis)];
            own.push_back(shape[axis] == 1 ? 0 : i);
        }
        return (*this)(own);
    }
};

// Values between low and high that depend on the seed alone.
inline Array random_array(Shape shape, uint32_t seed, double low = -1, double high = 1) {
    Array array(std::move(shape));
    uint64_t state = 0x9E3779B97F4A7C15ull * (seed + 1);
    for (double& v : array.values) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        v = low + (high - low) * double(state >> 11) / 9007199254740992.0;
    }
    return array;
}

}   // namespace kiln::test
