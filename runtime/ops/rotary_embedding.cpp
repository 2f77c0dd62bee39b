// Su, Lu, Pan, Murtadha, Wen, Liu. RoFormer: Enhanced Transformer with Rotary Position Embedding.
// 2021, equation 34, with the pairs half a head apart as GPT-NeoX lays them.
#include "kernels/rotary_embedding.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class RotaryEmbeddingOp : public Op {
public:
    explicit RotaryEmbeddingOp(int heads) : heads_(heads) {}
    std::string_view name() const override { return "rotary_embedding"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::rotary_embedding;
        const Caps& caps = lowering.caps();
        const int64_t half = node.inputs[1][2], width = out[2] / heads_;
        const Unit unit = unit_of(out.dtype(), in_fours(half, width));
        const uint32_t bytes = bytes_of(unit), wide = width_of(unit);
        const uint64_t units = uint64_t(out[2]) / wide, row = units * bytes;
        for (Band band : bands(caps, uint64_t(out[0] * out[1]), {{row, row}})) {
            const uint64_t begin = band.begin * row, rows = band.end - band.begin;
            const Window from =
                window(caps, lowering.operand(node.inputs[0]), begin, rows * row, bytes);
            const Window to = window(caps, lowering.operand(out), begin, rows * row, bytes);
            const Spread s = spread(caps, rows * units);
            lowering.launch(launch(
                variant<Variant>(unit),
                {.x = from.operand, .turns = lowering.operand(node.inputs[1]), .y = to.operand},
                {.count = uint32_t(rows * units),
                 .chunk = s.chunk,
                 .width = uint32_t(width / wide),
                 .half_width = uint32_t(half / wide),
                 .row = uint32_t(units),
                 .sequence = uint32_t(out[1]),
                 .first_token = uint32_t(band.begin % uint64_t(out[1])),
                 .x_base = from.base,
                 .y_base = to.base},
                {.local_x = s.local}, s.grid));
        }
    }

    Tensor composition(const Node& node) const override {
        const Tensor &x = node.inputs[0], &turns = node.inputs[1];
        const int64_t n = x[0], s = x[1], half = turns[2], width = x[2] / heads_;
        const Tensor by_head = reshape(x, {n, s, heads_, width});
        const auto turn = [&](int i) { return reshape(slice(turns, 1, i, i + 1), {s, 1, half}); };
        const Tensor a = slice(by_head, 3, 0, half), b = slice(by_head, 3, half, 2 * half);
        std::vector<Tensor> parts = {a * turn(0) - b * turn(1), b * turn(0) + a * turn(1)};
        if (2 * half < width) parts.push_back(slice(by_head, 3, 2 * half, width));
        return reshape(concat(parts, 3), x.shape());
    }

    static bool in_fours(int64_t half, int64_t width) { return half % 4 == 0 && width % 4 == 0; }

private:
    int heads_;
};

}   // namespace

Tensor rotary_embedding(const Tensor& x, const Tensor& turns, int heads) {
    require_float("rotary_embedding", x);
    const bool fits = x.rank() == 3 && turns.rank() == 3 && heads > 0 && x[2] % heads == 0 &&
                      turns[0] == x[1] && turns[1] == 2 && 2 * turns[2] <= x[2] / heads;
    if (!fits)
        model_error("rotary_embedding", "takes [n, s, heads * d] and turns [s, 2, at most d / 2]",
                    {x, turns});
    if (is_16_bit(x.dtype()) && !RotaryEmbeddingOp::in_fours(turns[2], x[2] / heads))
        return in_f32(x, [&](const Tensor& v) { return rotary_embedding(v, turns, heads); });
    return compute(std::make_shared<RotaryEmbeddingOp>(heads), {x, cast(turns, DType::f32)},
                   x.shape(), x.dtype());
}

}   // namespace kiln
