// Ziyin, Hartwig, Ueda. Neural Networks Fail to Learn Periodic Functions and How to Fix It. 2020,
// equation 3, with an amplitude of its own for each channel.
#include "kernels/snake.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class SnakeOp : public Op {
public:
    std::string_view name() const override { return "snake"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::snake;
        const Caps& caps = lowering.caps();
        const Unit unit = unit_of(out.dtype(), out[-1] % 4 == 0);
        const uint32_t bytes = bytes_of(unit);
        const uint64_t width = uint64_t(out[-1]) / width_of(unit), row = width * bytes;
        for (Band band : bands(caps, uint64_t(out.shape().count() / out[-1]), {{row, row}})) {
            const uint64_t begin = band.begin * row, rows = band.end - band.begin;
            const Window from =
                window(caps, lowering.operand(node.inputs[0]), begin, rows * row, bytes);
            const Window to = window(caps, lowering.operand(out), begin, rows * row, bytes);
            const Spread s = spread(caps, rows * width);
            lowering.launch(launch(variant<Variant>(unit),
                                   {.x = from.operand,
                                    .frequency = lowering.operand(node.inputs[1]),
                                    .amplitude = lowering.operand(node.inputs[2]),
                                    .y = to.operand},
                                   {.count = uint32_t(rows * width),
                                    .chunk = s.chunk,
                                    .width = uint32_t(width),
                                    .x_base = from.base,
                                    .y_base = to.base},
                                   {.local_x = s.local}, s.grid));
        }
    }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        return x + square(sin(x * node.inputs[1])) * node.inputs[2];
    }
};

}   // namespace

Tensor snake(const Tensor& x, const Tensor& frequency, const Tensor& amplitude) {
    require_float("snake", x);
    const Shape channels{x.rank() ? x[-1] : 0};
    if (!x.rank() || frequency.shape() != channels || amplitude.shape() != channels)
        model_error("snake", "frequency and amplitude are [c]", {x, frequency, amplitude});
    if (odd_16_bit(x))
        return in_f32(x, [&](const Tensor& v) { return snake(v, frequency, amplitude); });
    return compute(std::make_shared<SnakeOp>(),
                   {x, cast(frequency, DType::f32), cast(amplitude, DType::f32)}, x.shape(),
                   x.dtype());
}

}   // namespace kiln
