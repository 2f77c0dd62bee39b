#include "kernels/upsample.h"

#include <algorithm>
#include <cmath>

#include "runtime/ops/checks.h"
#include "runtime/ops/copy.h"

namespace kiln {
namespace {

enum class Resize : uint8_t { nearest, bilinear, aligned };   // as shaders/ops/upsample.comp

float scale_of(Resize mode, int64_t in, int64_t out) {
    if (mode != Resize::aligned) return float(in) / float(out);
    return out > 1 ? float(in - 1) / float(out - 1) : 0.0f;
}

// Where result `i` of an axis reads, in f32 as the kernel computes it.
float source_of(Resize mode, int64_t i, float scale) {
    return mode == Resize::bilinear ? std::max((float(i) + 0.5f) * scale - 0.5f, 0.0f)
                                    : float(i) * scale;
}

// The reading of one axis of `in` entries for `out` results: entry, the one after it, and its
// weight.
struct Reading {
    std::vector<int32_t> low, high;
    std::vector<float> weight;

    Reading(Resize mode, int64_t in, int64_t out) {
        for (int64_t i = 0; i < out; i++) {
            float at = source_of(mode, i, scale_of(mode, in, out));
            low.push_back(int32_t(std::min(int64_t(at), in - 1)));
            high.push_back(int32_t(std::min<int64_t>(low.back() + 1, in - 1)));
            weight.push_back(at - float(low.back()));
        }
    }
};

class UpsampleOp : public Op {
public:
    UpsampleOp(Resize mode, int64_t h, int64_t w) : mode_(mode), h_(h), w_(w) {}
    std::string_view name() const override {
        return mode_ == Resize::nearest ? "upsample_nearest" : "upsample_bilinear";
    }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        const Caps& caps = lowering.caps();
        const Tensor& x = node.inputs[0];
        uint64_t images = uint64_t(out[0]), h = uint64_t(out[1]);
        if (lowering.operand(x).size <= caps.binding_range &&
            lowering.operand(out).size <= caps.binding_range)
            return launch_rows(lowering, x, out, {0, images}, {0, h}, false);
        uint64_t in_row = x.bytes() / uint64_t(x[0] * x[1]), out_row = out.bytes() / (images * h);
        uint64_t reads =
            in_row * uint64_t(x[1]) / h + 1;   // bytes of input that a row of the result adds
        for (uint64_t image = 0; image < images; image++)
            for (Band rows : bands(caps, h, {{out_row, out_row}, {reads, 3 * in_row}}))
                launch_rows(lowering, x, out, {image, image + 1}, rows, true);
    }

    Tensor composition(const Node& node) const override {
        Tensor y = node.inputs[0];
        for (int axis : {1, 2}) {
            int64_t out = axis == 1 ? h_ : w_;
            Reading reading(mode_, y[axis], out);
            Tensor low = take_along(y, axis, reading.low);
            if (mode_ == Resize::nearest) {
                y = low;
                continue;
            }
            Tensor weight = constant(axis == 1 ? Shape{out, 1, 1} : Shape{out, 1}, reading.weight);
            y = low + (take_along(y, axis, reading.high) - low) * weight;
        }
        return y;
    }

private:
    void launch_rows(Lowering& lowering, const Tensor& x, const Tensor& out, Band images, Band rows,
                     bool part) const {
        using namespace kernels::upsample;
        const Caps& caps = lowering.caps();
        Unit unit = unit_of(out.dtype(), out[-1] % 4 == 0);
        Reading reading(mode_, x[1], h_);
        uint64_t first = part ? uint64_t(reading.low[rows.begin]) : 0;
        uint64_t last = part ? uint64_t(reading.high[rows.end - 1]) : uint64_t(x[0] * x[1] - 1);
        uint64_t in_row = x.bytes() / uint64_t(x[0] * x[1]),
                 out_row = out.bytes() / uint64_t(out[0] * out[1]);
        Window from =
            window(caps, lowering.operand(x), (images.begin * uint64_t(x[1]) + first) * in_row,
                   (last - first + 1) * in_row, bytes_of(unit));
        uint64_t count = (images.end - images.begin) * (rows.end - rows.begin);
        Window to = window(caps, lowering.operand(out),
                           (images.begin * uint64_t(h_) + rows.begin) * out_row, count * out_row,
                           bytes_of(unit));
        Args args{.in_h = uint32_t(x[1]),
                  .in_w = uint32_t(x[2]),
                  .scale_h = scale_of(mode_, x[1], h_),
                  .scale_w = scale_of(mode_, x[2], w_),
                  .first_row = uint32_t(rows.begin),
                  .x_row = uint32_t(first),
                  .x_base = from.base,
                  .y_base = to.base};
        args.extents = {uint32_t(x[-1]) / width_of(unit), uint32_t(w_),
                        uint32_t(rows.end - rows.begin), uint32_t(images.end - images.begin)};
        args.count = args.extents[0] * args.extents[1] * uint32_t(count);
        args.steps = walk_steps(args.extents);
        Spread s = spread(caps, args.count);
        args.chunk = s.chunk;
        lowering.launch(launch(variant<Variant>(unit), {.x = from.operand, .y = to.operand}, args,
                               {.local_x = s.local, .mode = uint32_t(mode_)}, s.grid));
    }

    Resize mode_;
    int64_t h_, w_;
};

Tensor resize(const char* op, Resize mode, const Tensor& x, int64_t h, int64_t w) {
    require_float(op, x);
    if (x.rank() != 4 || h < 1 || w < 1)
        model_error(op, "takes [n, h, w, c] to a positive size", {x});
    if (odd_16_bit(x)) return in_f32(x, [&](const Tensor& v) { return resize(op, mode, v, h, w); });
    return compute(std::make_shared<UpsampleOp>(mode, h, w), {x}, {x[0], h, w, x[3]}, x.dtype());
}

}   // namespace

Tensor upsample_nearest(const Tensor& x, int64_t h, int64_t w) {
    return resize("upsample_nearest", Resize::nearest, x, h, w);
}

Tensor upsample_bilinear(const Tensor& x, int64_t h, int64_t w, bool align_corners) {
    return resize("upsample_bilinear", align_corners ? Resize::aligned : Resize::bilinear, x, h, w);
}

}   // namespace kiln
