#include "kernels/pad.h"

#include <algorithm>
#include <cstdlib>

#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

using Amounts = std::vector<std::pair<int, int>>;

// Axes that are not padded merge; the rest stay, fastest first.
struct PaddedAxis {
    int64_t inside, extent, before;
};

std::vector<PaddedAxis> merge_padded(const Shape& in, const Amounts& amounts) {
    std::vector<PaddedAxis> axes;
    bool open = false;   // the axis behind is not padded
    for (int i = in.rank() - 1; i >= 0; i--) {
        auto [before, after] = amounts[size_t(i)];
        bool plain = before == 0 && after == 0;
        if (plain && open)
            axes.back().inside *= in[i], axes.back().extent *= in[i];
        else
            axes.push_back({in[i], in[i] + before + after, before});
        open = plain;
    }
    return axes;
}

class PadOp : public Op {
public:
    PadOp(Amounts amounts, PadMode mode) : amounts_(std::move(amounts)), mode_(mode) {}
    std::string_view name() const override { return "pad"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::pad;
        std::vector<PaddedAxis> merged = merge_padded(node.inputs[0].shape(), amounts_);
        if (merged.size() > 5)
            model_error("pad", "more than five axes that do not merge", {node.inputs[0]});
        bool fours = merged[0].inside == merged[0].extent && merged[0].inside % 4 == 0;
        Unit unit = unit_of(out.dtype(), fours);
        if (fours) merged[0].inside /= 4, merged[0].extent /= 4;
        Args args{};
        uint32_t count = 1, stride = 1;
        for (size_t d = 0; d < merged.size(); d++) {
            args.extents[d] = uint32_t(merged[d].extent);
            args.inside[d] = uint32_t(merged[d].inside);
            args.before[d] = uint32_t(merged[d].before);
            args.x_strides[d] = stride;
            stride *= args.inside[d];
            count *= args.extents[d];
        }
        args.steps = walk_steps(args.extents, uint32_t(merged.size()));
        Spread s = spread(lowering.caps(), count);
        args.count = count;
        args.chunk = s.chunk;
        lowering.launch(launch(variant<Variant>(unit),
                               {.x = lowering.operand(node.inputs[0]), .y = lowering.operand(out)},
                               args,
                               {.local_x = s.local,
                                .dims = uint32_t(merged.size()),
                                .reflect = mode_ == PadMode::reflect},
                               s.grid));
    }

    Tensor composition(const Node& node) const override {
        if (mode_ == PadMode::zero) return {};
        Tensor x = node.inputs[0];
        for (int axis = 0; axis < x.rank(); axis++) {
            auto [before, after] = amounts_[size_t(axis)];
            if (before == 0 && after == 0) continue;
            int last = int(x[axis]) - 1;
            std::vector<int32_t> indices;
            for (int i = -before; i <= last + after; i++)
                indices.push_back(last - std::abs(last - std::abs(i)));
            x = take_along(x, axis, indices);
        }
        return x;
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        if (mode_ == PadMode::reflect) return {};
        Tensor inner = d;
        for (int axis = 0; axis < d.rank(); axis++) {
            int64_t before = amounts_[size_t(axis)].first;
            inner = slice(inner, axis, before, before + node.inputs[0][axis]);
        }
        return {inner};
    }

private:
    Amounts amounts_;
    PadMode mode_;
};

}   // namespace

Tensor pad(const Tensor& x, const Amounts& amounts, PadMode mode) {
    require_float("pad", x);
    if (int(amounts.size()) != x.rank())
        model_error("pad", "amounts for every axis are needed", {x});
    Shape shape = x.shape();
    for (int i = 0; i < x.rank(); i++) {
        auto [before, after] = amounts[size_t(i)];
        if (before < 0 || after < 0) model_error("pad", "amounts are not negative", {x});
        if (mode == PadMode::reflect && std::max(before, after) >= x[i])
            model_error("pad", "a mirror image is smaller than the axis", {x});
        shape[i] += before + after;
    }
    if (shape == x.shape()) return x;
    bool inner = amounts.back().first != 0 || amounts.back().second != 0;
    if (is_16_bit(x.dtype()) && (inner || odd_16_bit(x)))
        return in_f32(x, [&](const Tensor& v) { return pad(v, amounts, mode); });
    return compute(std::make_shared<PadOp>(amounts, mode), {x}, shape, x.dtype());
}

}   // namespace kiln
