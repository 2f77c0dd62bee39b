// The sinusoidal position embedding of Vaswani et al. Attention Is All You Need. 2017, section 3.5,
// of a fractional position, as Ho et al. Denoising Diffusion Probabilistic Models. 2020 use it for
// time.
#include "kernels/timestep_embedding.h"

#include <cmath>

#include "runtime/ops/checks.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

class TimestepEmbeddingOp : public Op {
public:
    TimestepEmbeddingOp(bool cosines_first, float scale)
        : cosines_first_(cosines_first), scale_(scale) {}
    std::string_view name() const override { return "timestep_embedding"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        using namespace kernels::timestep_embedding;
        uint32_t count = uint32_t(out.shape().count());
        lowering.launch(launch(Variant::main,
                               {.t = lowering.operand(node.inputs[0]),
                                .frequencies = lowering.operand(node.inputs[1]),
                                .y = lowering.operand(out)},
                               {.count = count,
                                .width = uint32_t(out[1]),
                                .frequencies_count = uint32_t(node.inputs[1][0]),
                                .scale = scale_},
                               {.local_x = 64, .cosines_first = cosines_first_},
                               fold(lowering.caps(), (count + 63) / 64)));
    }

    Tensor composition(const Node& node) const override {
        const Tensor &t = node.inputs[0], &frequencies = node.inputs[1];
        Tensor angles = reshape(t * scale_, {t[0], 1}) * frequencies;
        return cosines_first_ ? concat({cos(angles), sin(angles)}, 1)
                              : concat({sin(angles), cos(angles)}, 1);
    }

private:
    bool cosines_first_;
    float scale_;
};

}   // namespace

Tensor timestep_embedding(const Tensor& t, int dim, const TimestepOptions& options) {
    require_float("timestep_embedding", t);
    if (t.rank() != 1 || dim < 2 || float(dim / 2) <= options.shift)
        model_error("timestep_embedding", "takes [n] to at least two columns", {t});
    int half = dim / 2;
    std::vector<float> frequencies;
    for (int i = 0; i < half; i++)
        frequencies.push_back(
            float(std::exp(-std::log(double(options.max_period)) * i / (half - options.shift))));
    if (dim % 2) return pad(timestep_embedding(t, dim - 1, options), {{0, 0}, {0, 1}});
    auto op = std::make_shared<TimestepEmbeddingOp>(options.flip_sin_to_cos, options.scale);
    return cast(
        compute(op, {cast(t, DType::f32), constant({half}, frequencies)}, {t[0], dim}, DType::f32),
        t.dtype());
}

}   // namespace kiln
