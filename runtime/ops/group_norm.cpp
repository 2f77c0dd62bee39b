// Group normalization in three steps: statistics of every channel over chunks of rows, one factor
// set a channel, and the affine map with an absorbed activation. Wu and He. Group Normalization.
// 2018.
#include "kernels/group_norm.h"

#include <algorithm>

#include "kernels/group_norm_scale.h"
#include "kernels/group_norm_stats.h"
#include "runtime/ops/checks.h"
#include "runtime/ops/pointwise.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

// x as [images, rows, units of channels], and its cutting into chunks of rows.
struct Layout {
    Unit unit;
    uint64_t images, rows, width;

    explicit Layout(const Tensor& x)
        : unit(unit_of(x.dtype(), x[-1] % 4 == 0)),
          images(uint64_t(x[0])),
          rows(uint64_t(x.shape().count() / x[0] / x[-1])),
          width(uint64_t(x[-1]) / width_of(unit)) {}
    uint64_t row_bytes() const { return width * bytes_of(unit); }

    // Rows an invocation takes so that about `lanes` of them have work.
    uint64_t chunk(uint64_t lanes, uint64_t least) const {
        uint64_t chunks = std::max<uint64_t>(1, lanes / (images * width));
        return std::clamp<uint64_t>((rows + chunks - 1) / chunks, std::min(least, rows), 32768);
    }
};

// Rows [begin, end) of every image from `image` on for `images`; only whole images come several at
// once.
struct Part {
    uint64_t image, images, begin, end;
};

std::vector<Part> parts_of(const Caps& caps, const Layout& x, uint64_t chunk) {
    uint64_t image_bytes = x.rows * x.row_bytes();
    if (x.images * image_bytes <= caps.binding_range) return {{0, x.images, 0, x.rows}};
    std::vector<Part> parts;
    uint64_t steps = (x.rows + chunk - 1) / chunk, step_bytes = chunk * x.row_bytes();
    for (uint64_t image = 0; image < x.images; image++)
        for (Band band : bands(caps, steps, {{step_bytes, step_bytes}}))
            parts.push_back({image, 1, band.begin * chunk, std::min(band.end * chunk, x.rows)});
    return parts;
}

class GroupNormOp : public Op {
public:
    GroupNormOp(int groups, float eps, FusedActivation activation = {Activation::none, 0})
        : groups_(groups), eps_(eps), activation_(activation) {}
    std::string_view name() const override { return "group_norm"; }

    void lower(Lowering& lowering, const Node& node, const Tensor& out) const override {
        Layout x(out);
        const bool cpu = lowering.caps().kind == DeviceKind::cpu;
        std::vector<Statistics> statistics = lowering.statistics(node.inputs[0]);
        if (!of_images(statistics, x)) statistics = {launch_all_stats(lowering, node, x)};
        Operand scales = lowering.scratch(x.images * x.width * width_of(x.unit) * 3 * 4);
        launch_scale(lowering, node, x, statistics, scales);
        const auto apply = [=, this, &lowering] {
            const uint64_t chunk = x.chunk(cpu ? 8192 : 1048576, 2);
            for (const Part& part : parts_of(lowering.caps(), x, chunk))
                launch_apply(lowering, node, out, x, part, chunk, scales);
        };
        const bool usual =
            activation_.activation != Activation::leaky_relu || activation_.slope == 0.01f;
        if (x.unit == Unit::f32_scalar || !usual) return apply();
        lowering.defer(out,
                       {.x = lowering.operand(node.inputs[0]),
                        .factors = scales,
                        .images = int64_t(x.images),
                        .activation = uint32_t(activation_.activation)},
                       apply);
    }

    bool reads_statistics(bool) const override { return true; }

    Tensor composition(const Node& node) const override {
        const Tensor& x = node.inputs[0];
        int64_t rows = x.shape().count() / x[0] / x[-1];
        Tensor grouped = reshape(x, {x[0], rows, groups_, x[-1] / groups_});
        Tensor centred = grouped - mean(grouped, {1, 3});
        Tensor normal = centred * rsqrt(mean(square(centred), {1, 3}) + eps_);
        Tensor y = reshape(normal, x.shape());
        if (node.inputs[1]) y = y * node.inputs[1] + node.inputs[2];
        switch (activation_.activation) {
            case Activation::none: return y;
            case Activation::silu: return silu(y);
            case Activation::gelu: return gelu(y);
            case Activation::gelu_tanh: return gelu_tanh(y);
            case Activation::quick_gelu: return quick_gelu(y);
            case Activation::relu: return relu(y);
            case Activation::tanh: return tanh(y);
            case Activation::sigmoid: return sigmoid(y);
            case Activation::leaky_relu: return leaky_relu(y, activation_.slope);
        }
        return y;
    }

    std::shared_ptr<const Node> absorb(const Node& self, const Tensor&, const Node& consumer,
                                       const Tensor&) const override {
        auto next = activation_of(*consumer.op);
        if (!next || activation_.activation != Activation::none) return nullptr;
        return std::make_shared<Node>(
            Node{std::make_shared<GroupNormOp>(groups_, eps_, *next), self.inputs});
    }

private:
    // Whether they are all there, in chunks none of which spans two images.
    static bool of_images(const std::vector<Statistics>& statistics, const Layout& x) {
        uint64_t channels = 0;
        for (const Statistics& s : statistics) {
            if (x.images > 1 && x.rows % s.chunk) return false;
            channels += s.channels;
        }
        return channels == x.width * width_of(x.unit) && statistics.size() <= 2;
    }

    Statistics launch_all_stats(Lowering& lowering, const Node& node, const Layout& x) const {
        const bool cpu = lowering.caps().kind == DeviceKind::cpu;
        const uint64_t chunk = x.chunk(cpu ? 1024 : 131072, 8),
                       chunks = (x.rows + chunk - 1) / chunk, channels = x.width * width_of(x.unit);
        Statistics made{lowering.scratch(x.images * chunks * channels * 2 * 4), channels, chunk};
        for (const Part& part : parts_of(lowering.caps(), x, chunk))
            launch_stats(lowering, node, x, part, chunk, made.partials);
        return made;
    }

    void launch_stats(Lowering& lowering, const Node& node, const Layout& x, const Part& part,
                      uint64_t chunk, const Operand& partials) const {
        using namespace kernels::group_norm_stats;
        uint64_t rows = part.end - part.begin, chunks = (rows + chunk - 1) / chunk;
        uint64_t all = (x.rows + chunk - 1) / chunk, count = part.images * chunks * x.width;
        uint64_t from = (part.image * x.rows + part.begin) * x.row_bytes();
        Window w = window(lowering.caps(), lowering.operand(node.inputs[0]), from,
                          part.images * rows * x.row_bytes(), bytes_of(x.unit));
        lowering.launch(launch(variant<Variant>(x.unit), {.x = w.operand, .partials = partials},
                               {.count = uint32_t(count),
                                .width = uint32_t(x.width),
                                .rows = uint32_t(rows),
                                .chunk = uint32_t(chunk),
                                .chunks = uint32_t(chunks),
                                .x_base = w.base,
                                .first = uint32_t(part.image * all + part.begin / chunk)},
                               {.local_x = 64}, fold(lowering.caps(), (count + 63) / 64)));
    }

    void launch_scale(Lowering& lowering, const Node& node, const Layout& x,
                      const std::vector<Statistics>& statistics, const Operand& scales) const {
        using namespace kernels::group_norm_scale;
        bool affine = bool(node.inputs[1]);
        Args args{.groups = uint32_t(groups_),
                  .group_channels = uint32_t(x.width * width_of(x.unit)) / uint32_t(groups_),
                  .rows = uint32_t(x.rows),
                  .eps = eps_};
        for (size_t i = 0; i < statistics.size(); i++) {
            args.channels[i] = uint32_t(statistics[i].channels);
            args.chunk[i] = uint32_t(statistics[i].chunk);
            args.chunks[i] = div_up(int64_t(x.rows), int64_t(statistics[i].chunk));
        }
        const Operand &partials = statistics.front().partials, &others = statistics.back().partials;
        RowGroup group = row_group(lowering.caps(), x.images * groups_,
                                   uint64_t(args.chunks[0]) * args.group_channels / 4);
        Launch scale =
            launch(group.subgroup ? Variant::subgroup : Variant::shared,
                   {.partials = partials,
                    .weight = affine ? lowering.operand(node.inputs[1]) : partials,
                    .bias = affine ? lowering.operand(node.inputs[2]) : partials,
                    .scales = scales,
                    .others = others},
                   args, {.local_x = group.local, .affine = affine, .unit_width = width_of(x.unit)},
                   {uint32_t(groups_), uint32_t(x.images), 1});
        scale.subgroup_size = group.required_size;
        lowering.launch(std::move(scale));
    }

    void launch_apply(Lowering& lowering, const Node& node, const Tensor& out, const Layout& x,
                      const Part& part, uint64_t chunk, const Operand& scales) const {
        using namespace kernels::group_norm;
        uint64_t rows = part.end - part.begin, chunks = (rows + chunk - 1) / chunk;
        uint64_t count = part.images * chunks * x.width,
                 from = (part.image * x.rows + part.begin) * x.row_bytes();
        auto part_of = [&](const Tensor& t) {
            return window(lowering.caps(), lowering.operand(t), from,
                          part.images * rows * x.row_bytes(), bytes_of(x.unit));
        };
        Window in = part_of(node.inputs[0]), to = part_of(out);
        lowering.launch(launch(variant<Variant>(x.unit),
                               {.x = in.operand, .scales = scales, .y = to.operand},
                               {.count = uint32_t(count),
                                .width = uint32_t(x.width),
                                .rows = uint32_t(rows),
                                .chunk = uint32_t(chunk),
                                .chunks = uint32_t(chunks),
                                .base = in.base,
                                .image = uint32_t(part.image),
                                .slope = activation_.slope},
                               {.local_x = 64, .activation = uint32_t(activation_.activation)},
                               fold(lowering.caps(), (count + 63) / 64)));
    }

    int groups_;
    float eps_;
    FusedActivation activation_;
};

}   // namespace

Tensor group_norm(const Tensor& x, int groups, const Tensor& weight, const Tensor& bias,
                  float eps) {
    require_float("group_norm", x);
    if (x.rank() < 2 || groups < 1 || x[-1] % groups)
        model_error("group_norm",
                    "channels are not a multiple of " + std::to_string(groups) + " groups", {x});
    Shape channels{x[-1]};
    if (bool(weight) != bool(bias) ||
        (weight && (weight.shape() != channels || bias.shape() != channels)))
        model_error("group_norm", "weight and bias are [c], or both absent", {x, weight, bias});
    if (odd_16_bit(x))
        return in_f32(x, [&](const Tensor& v) { return group_norm(v, groups, weight, bias, eps); });
    auto as_f32 = [](const Tensor& t) { return t ? cast(t, DType::f32) : t; };
    return compute(std::make_shared<GroupNormOp>(groups, eps), {x, as_f32(weight), as_f32(bias)},
                   x.shape(), x.dtype());
}

}   // namespace kiln
