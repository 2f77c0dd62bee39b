#include "kernels/gather.h"

#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

class GatherOp : public Op {
public:
    std::string_view name() const override { return "gather"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::gather;
        const Tensor& table = node.inputs[0];
        Unit unit = unit_of(table.dtype(), table[1] % 4 == 0);
        uint32_t count = uint32_t(out.shape().count() / width_of(unit));
        Spread s = spread(lowering.caps(), count);
        lowering.launch(launch(variant<Variant>(unit),
                               {.table = lowering.operand(table),
                                .indices = lowering.operand(node.inputs[1]),
                                .y = lowering.operand(out)},
                               {.count = count,
                                .chunk = s.chunk,
                                .width = uint32_t(table[1]) / width_of(unit),
                                .rows = uint32_t(table[0])},
                               {.local_x = s.local}, s.grid));
    }

    std::vector<Tensor> vjp(const Node& node, const Tensor&, const Tensor& d) const override {
        const Tensor &table = node.inputs[0], &indices = node.inputs[1];
        Tensor rows = reshape(d, {indices.shape().count(), table[1]});
        return {cast(scatter_add(rows, reshape(indices, {indices.shape().count()}), table[0]),
                     table.dtype()),
                Tensor()};
    }
};

}   // namespace

Tensor gather(const Tensor& table, const Tensor& indices) {
    require_float("gather", table);
    if (table.rank() != 2) model_error("gather", "the table is [rows, c]", {table, indices});
    if (indices.dtype() != DType::i32) model_error("gather", "indices are i32", {table, indices});
    Shape shape = indices.shape();
    shape.dims.push_back(table[1]);
    Tensor rows = odd_16_bit(table) ? cast(table, DType::f32) : table;
    return compute(std::make_shared<GatherOp>(), {rows, indices}, shape, DType::f32);
}

Tensor take_along(const Tensor& x, int axis, const std::vector<int32_t>& indices) {
    std::vector<int> to_front{axis}, back;
    for (int i = 0; i < x.rank(); i++) {
        if (i != axis) to_front.push_back(i);
        back.push_back(i < axis ? i + 1 : i == axis ? 0 : i);
    }
    Tensor front = permute(x, to_front);
    Shape shape = front.shape();
    shape[0] = int64_t(indices.size());
    Tensor taken = gather(reshape(front, {x[axis], -1}), constant_i32({shape[0]}, indices));
    return permute(cast(reshape(taken, shape), x.dtype()), back);
}

}   // namespace kiln
