#include "runtime/ops/copy.h"

#include "kernels/copy.h"
#include "runtime/base/check.h"

namespace kiln {

void launch_copy(Lowering& lowering, const Shape& shape, const StridedView& from,
                 const StridedView& to) {
    using namespace kernels::copy;
    const Caps& caps = lowering.caps();
    Axes axes = merge(shape, {from.strides, to.strides});
    bool units = axes.strides[0][0] == 1 && axes.fours(0) && from.offset % 4 == 0;
    bool fours = axes.extents[0] % 4 == 0 && axes.strides[1][0] == 1 && axes.fours(1) &&
                 to.offset % 4 == 0 && (units || from.operand.size % 16 == 0);
    Unit unit = unit_of(to.operand.dtype, fours);
    uint32_t width = width_of(unit);
    Walk whole(axes, width, 64);
    WalkOperand x(from.operand, axes, 0, width, from.offset),
        y(to.operand, axes, 1, width, to.offset);
    for (Band band : bands(caps, whole.extents[whole.dims - 1], {x.reach(whole), y.reach(whole)})) {
        Walk walk = whole;
        walk.limit_outer(band.end - band.begin);
        Spread s = spread(caps, walk.count);
        Window wx = x.window(caps, whole, band), wy = y.window(caps, whole, band);
        lowering.launch(launch(
            variant<Variant>(unit), {.x = wx.operand, .y = wy.operand},
            {.extents = walk.extents,
             .steps = walk.steps,
             .x_strides = x.strides,
             .y_strides = y.strides,
             .x_base = wx.base,
             .y_base = wy.base,
             .inner = x.inner,
             .count = uint32_t(walk.count),
             .chunk = s.chunk},
            {.local_x = s.local, .dims = walk.dims, .mode = uint32_t(x.addressing)}, s.grid));
    }
}

}   // namespace kiln
