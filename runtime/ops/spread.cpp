#include "runtime/ops/spread.h"

#include <algorithm>
#include <bit>

#include "runtime/base/check.h"

namespace kiln {

Unit unit_of(DType dtype, bool fours) {
    ensure(dtype == DType::f32 || (is_16_bit(dtype) && fours), "f32, or 16-bit types in fours");
    if (dtype == DType::f32) return fours ? Unit::f32 : Unit::f32_scalar;
    return dtype == DType::f16 ? Unit::f16 : Unit::bf16;
}

Grid fold(const Caps& caps, uint64_t groups) {
    uint64_t y = (groups + caps.workgroup_count[0] - 1) / caps.workgroup_count[0];
    return {uint32_t((groups + y - 1) / y), uint32_t(y), 1};
}

// CPU drivers pay for every workgroup, so a few hundred take long chunks; GPUs want many short
// ones.
Spread spread(const Caps& caps, uint64_t units) {
    constexpr uint32_t local = 64;
    uint64_t wanted = caps.kind == DeviceKind::cpu ? units / 64 : units / 32768;
    uint64_t least = caps.kind == DeviceKind::cpu ? 512 : local,
             most = caps.kind == DeviceKind::cpu ? 65536 : 256;
    uint64_t chunk = std::clamp((wanted + local - 1) / local * local, least, most);
    return {local, uint32_t(chunk), fold(caps, (units + chunk - 1) / chunk)};
}

RowGroup row_group(const Caps& caps, uint64_t rows, uint64_t width) {
    RowGroup group{};
    bool cpu = caps.kind == DeviceKind::cpu;
    bool small = width <= uint64_t(caps.subgroup_size) * 8;
    bool whole = std::has_single_bit(caps.subgroup_size) && caps.subgroup_size >= 4;
    bool certain = caps.subgroup_size_control || caps.subgroup_min == caps.subgroup_max;
    group.subgroup = caps.subgroup_arithmetic && whole && certain && (cpu || small);
    group.local = group.subgroup ? caps.subgroup_size : width <= 256 ? 64 : 128;
    group.required_size = group.subgroup && caps.subgroup_size_control ? caps.subgroup_size : 0;
    group.rows_each = cpu ? uint32_t(std::clamp<uint64_t>(rows / 64, 1, 64)) : 1;
    group.grid = fold(caps, (rows + group.rows_each - 1) / group.rows_each);
    return group;
}

Window window(const Caps& caps, const Operand& operand, uint64_t from, uint64_t bytes,
              uint32_t unit_bytes) {
    if (operand.size <= caps.binding_range) return {operand, uint32_t(from / unit_bytes)};
    uint64_t alignment = std::max<uint64_t>(caps.offset_alignment, 16);
    uint64_t begin = from / alignment * alignment;
    uint64_t end = std::min((from + bytes + 15) / 16 * 16, operand.size);
    return {operand.window(begin, end - begin), uint32_t((from - begin) / unit_bytes)};
}

std::vector<Band> bands(const Caps& caps, uint64_t outer, const std::vector<Reach>& operands) {
    uint64_t range = caps.binding_range - 2 * std::max<uint64_t>(caps.offset_alignment, 16);
    uint64_t steps = outer;
    for (const Reach& reach : operands) {
        if (reach.stride == 0) continue;
        steps = std::min(steps, reach.span > range ? 1 : (range - reach.span) / reach.stride + 1);
    }
    std::vector<Band> result;
    for (uint64_t begin = 0; begin < outer; begin += steps)
        result.push_back({begin, std::min(begin + steps, outer)});
    return result;
}

}   // namespace kiln
