// How work is laid over workgroups (shaders/lib/spread.glsl) and in which units a kernel counts it
// (shaders/lib/unit.glsl).
#pragma once
#include "runtime/kernel/kernel.h"
#include "runtime/tensor/tensor.h"

namespace kiln {

// The storage variants of every kernel that works in units: f32, f16 and bf16 in four-vectors, and
// f32 one element at a time for extents that are not multiples of four. In the order of the
// variants.
enum class Unit : uint8_t { f32, f32_scalar, f16, bf16 };
constexpr int kUnits = 4;

// 16-bit types need `fours`: operators take other tensors of them through f32 (in_f32).
Unit unit_of(DType dtype, bool fours);
inline uint32_t width_of(Unit unit) { return unit == Unit::f32_scalar ? 1 : 4; }   // elements
inline uint32_t bytes_of(Unit unit) {
    return unit == Unit::f32 ? 16 : unit == Unit::f32_scalar ? 4 : 8;
}

// `variants` begin with those of Unit in order; `offset` skips to a later group of kUnits.
template <class Variant>
Variant variant(Unit unit, int offset = 0) {
    return Variant(int(unit) + offset);
}

// Each workgroup of `local` invocations takes `chunk` units.
struct Spread {
    uint32_t local, chunk;
    Grid grid;
};
Spread spread(const Caps& caps, uint64_t units);

// As many workgroups, folded into x and y; kernels ignore those beyond their count.
Grid fold(const Caps& caps, uint64_t groups);

// A workgroup that reduces rows: one subgroup where that saves barriers, else shared memory.
struct RowGroup {
    bool subgroup;
    uint32_t local, required_size;   // Launch::subgroup_size
    uint32_t rows_each;
    Grid grid;
};
RowGroup row_group(const Caps& caps, uint64_t rows, uint64_t width);

// The part of an operand from `from` on, `bytes` long, as a binding that starts where the device
// allows and the units to skip in it. An operand within the binding range stays whole.
struct Window {
    Operand operand;
    uint32_t base;
};
Window window(const Caps& caps, const Operand& operand, uint64_t from, uint64_t bytes,
              uint32_t unit_bytes);

// Cuts `outer` steps so that no operand's part exceeds a binding. An operand advances by `stride`
// bytes a step and touches `span` bytes in one.
struct Reach {
    uint64_t stride, span;
};
struct Band {
    uint64_t begin, end;
};
std::vector<Band> bands(const Caps& caps, uint64_t outer, const std::vector<Reach>& operands);

}   // namespace kiln
