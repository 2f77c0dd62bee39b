// Strided walks over tensors as shaders/lib/walk.glsl does them: axes that lie behind one another
// in every operand merge, and the rest become digits of a counter, fastest first.
#pragma once
#include <array>
#include <vector>

#include "runtime/ops/spread.h"

namespace kiln {

constexpr int kWalkAxes = 6;

using Strides = std::vector<int64_t>;   // one an axis of the shape, in elements

Strides dense_strides(const Shape& shape);
// Strides with which `from` is read as if it had the shape `to`: zero along broadcast axes.
Strides broadcast_strides(const Shape& from, const Shape& to);

// The merged axes, fastest first.
struct Axes {
    std::vector<int64_t> extents;
    std::vector<Strides> strides;   // by operand

    // Whether all but the fastest axis of an operand begin at multiples of four elements.
    bool fours(size_t operand) const;
};
Axes merge(const Shape& shape, const std::vector<Strides>& operands);

// The digits of a workgroup's width in the radices `extents`; the last one takes what is left.
template <size_t N>
std::array<uint32_t, N> walk_steps(const std::array<uint32_t, N>& extents, uint32_t axes = N,
                                   uint32_t local = 64) {
    std::array<uint32_t, N> steps{};
    for (uint32_t d = 0; d < axes; d++) {
        steps[d] = d + 1 < axes ? local % extents[d] : local;
        local /= extents[d];
    }
    return steps;
}

// What a kernel's arguments hold of a walk. `width` elements make a unit; along the fastest axis
// the extents count units.
struct Walk {
    uint32_t dims;
    std::array<uint32_t, kWalkAxes> extents{}, steps{};
    uint64_t count;   // units

    Walk(const Axes& axes, uint32_t width, uint32_t local);
    uint64_t inner() const {
        return count / extents[dims - 1];
    }                                   // units a step of the slowest axis
    void limit_outer(uint64_t steps);   // fewer steps of the slowest axis
};

// How an operand is addressed. units: its strides count units. Otherwise elements: `splat` repeats
// one along the fastest axis, `gathered` finds those of a unit a stride apart. `offset`: the
// element that index 0 is.
enum class Addressing : uint8_t { units, splat, gathered };

struct WalkOperand {
    Operand operand;
    Addressing addressing;
    std::array<uint32_t, kWalkAxes> strides{};
    uint32_t index_bytes;   // of one step of an index
    uint32_t inner = 0;     // gathered: elements from one of a unit to the next
    uint64_t first = 0;     // byte where index 0 lies

    WalkOperand(const Operand& operand, const Axes& axes, size_t index, uint32_t width,
                int64_t offset = 0);
    Reach reach(const Walk& walk) const;
    Window window(const Caps& caps, const Walk& walk, Band band) const;
};

}   // namespace kiln
