#include "runtime/ops/walk.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace kiln {

Strides dense_strides(const Shape& shape) {
    Strides strides(size_t(shape.rank()));
    int64_t stride = 1;
    for (int i = shape.rank() - 1; i >= 0; i--) strides[i] = stride, stride *= shape[i];
    return strides;
}

Strides broadcast_strides(const Shape& from, const Shape& to) {
    Strides dense = dense_strides(from), strides(size_t(to.rank()), 0);
    for (int i = 0; i < from.rank(); i++) {
        int axis = to.rank() - from.rank() + i;
        strides[axis] = from[i] == to[axis] ? dense[i] : 0;
    }
    return strides;
}

Axes merge(const Shape& shape, const std::vector<Strides>& operands) {
    Axes axes{{}, std::vector<Strides>(operands.size())};
    for (int i = shape.rank() - 1; i >= 0; i--) {
        if (shape[i] == 1) continue;
        bool behind = !axes.extents.empty();
        for (size_t k = 0; behind && k < operands.size(); k++)
            behind = operands[k][i] == axes.strides[k].back() * axes.extents.back();
        if (behind) {
            axes.extents.back() *= shape[i];
            continue;
        }
        axes.extents.push_back(shape[i]);
        for (size_t k = 0; k < operands.size(); k++) axes.strides[k].push_back(operands[k][i]);
    }
    if (axes.extents.empty()) {
        axes.extents = {1};
        for (Strides& strides : axes.strides) strides = {1};
    }
    if (axes.extents.size() > kWalkAxes)
        throw ModelError("a strided view of " + to_string(shape) +
                         " has more than 6 axes that do not merge");
    return axes;
}

bool Axes::fours(size_t operand) const {
    for (size_t i = 1; i < extents.size(); i++)
        if (strides[operand][i] % 4) return false;
    return true;
}

Walk::Walk(const Axes& axes, uint32_t width, uint32_t local)
    : dims(uint32_t(axes.extents.size())), count(1) {
    for (uint32_t d = 0; d < dims; d++) {
        extents[d] = uint32_t(axes.extents[d] / (d == 0 ? width : 1));
        count *= extents[d];
    }
    steps = walk_steps(extents, dims, local);
}

void Walk::limit_outer(uint64_t steps_wanted) {
    count = count / extents[dims - 1] * steps_wanted;
    extents[dims - 1] = uint32_t(steps_wanted);
}

WalkOperand::WalkOperand(const Operand& o, const Axes& axes, size_t index, uint32_t width,
                         int64_t offset)
    : operand(o), first(uint64_t(offset) * size_of(o.dtype)) {
    const Strides& from = axes.strides[index];
    uint32_t element = uint32_t(size_of(o.dtype));
    if (width == 1 || (from[0] == 1 && offset % width == 0 && axes.fours(index)))
        addressing = Addressing::units;
    else
        addressing = from[0] == 0 ? Addressing::splat : Addressing::gathered;
    bool units = addressing == Addressing::units;
    index_bytes = units ? element * width : element;
    inner = addressing == Addressing::gathered ? uint32_t(from[0]) : 0;
    for (size_t d = 0; d < from.size(); d++) {
        if (d == 0)
            strides[d] = width == 1 ? uint32_t(from[0]) : units ? 1 : uint32_t(from[0] * width);
        else
            strides[d] = uint32_t(units ? from[d] / width : from[d]);
    }
}

Reach WalkOperand::reach(const Walk& walk) const {
    uint64_t span = uint64_t(inner) * 3 + 1;
    for (uint32_t d = 0; d + 1 < walk.dims; d++) span += uint64_t(walk.extents[d] - 1) * strides[d];
    return {uint64_t(strides[walk.dims - 1]) * index_bytes, span * index_bytes};
}

Window WalkOperand::window(const Caps& caps, const Walk& walk, Band band) const {
    Reach r = reach(walk);
    return kiln::window(caps, operand, first + band.begin * r.stride,
                        (band.end - band.begin - 1) * r.stride + r.span, index_bytes);
}

}   // namespace kiln
