// Statistics of every channel over chunks of rows, merged for each group. Wu and He. Group
// Normalization. 2018.
#include "runtime/ops/group_norm_factors.h"

#include <algorithm>

#include "kernels/group_norm_scale.h"
#include "kernels/group_norm_stats.h"

namespace kiln {

NormLayout::NormLayout(const Tensor& x)
    : unit(unit_of(x.dtype(), x[-1] % 4 == 0)),
      images(uint64_t(x[0])),
      rows(uint64_t(x.shape().count() / x[0] / x[-1])),
      width(uint64_t(x[-1]) / width_of(unit)) {}

uint64_t NormLayout::chunk(uint64_t lanes, uint64_t least) const {
    uint64_t chunks = std::max<uint64_t>(1, lanes / (images * width));
    return std::clamp<uint64_t>((rows + chunks - 1) / chunks, std::min(least, rows), 32768);
}

uint64_t NormLayout::chunk_of_sums(const Caps& caps) const {
    return chunk(caps.kind == DeviceKind::cpu ? 1024 : 131072, 8);
}

uint64_t NormLayout::chunk_of_values(const Caps& caps) const {
    return chunk(caps.kind == DeviceKind::cpu ? 8192 : 1048576, 2);
}

Window NormPart::window(const Caps& caps, const Operand& operand, const NormLayout& x) const {
    return kiln::window(caps, operand, (image * x.rows + begin) * x.row_bytes(),
                        images * rows() * x.row_bytes(), bytes_of(x.unit));
}

std::vector<NormPart> parts_of(const Caps& caps, const NormLayout& x, uint64_t chunk) {
    uint64_t image_bytes = x.rows * x.row_bytes();
    if (x.images * image_bytes <= caps.binding_range) return {{0, x.images, 0, x.rows}};
    std::vector<NormPart> parts;
    uint64_t steps = (x.rows + chunk - 1) / chunk, step_bytes = chunk * x.row_bytes();
    for (uint64_t image = 0; image < x.images; image++)
        for (Band band : bands(caps, steps, {{step_bytes, step_bytes}}))
            parts.push_back({image, 1, band.begin * chunk, std::min(band.end * chunk, x.rows)});
    return parts;
}

// Whether they are all there, in chunks none of which spans two images.
static bool of_images(const std::vector<Statistics>& statistics, const NormLayout& x) {
    uint64_t channels = 0;
    for (const Statistics& s : statistics) {
        if (x.images > 1 && x.rows % s.chunk) return false;
        channels += s.channels;
    }
    return channels == x.channels() && statistics.size() <= 2;
}

static void launch_statistics(Lowering& lowering, const Operand& values, const NormLayout& x,
                              const NormPart& part, const Statistics& made) {
    using namespace kernels::group_norm_stats;
    uint64_t chunks = part.chunks(made.chunk), all = (x.rows + made.chunk - 1) / made.chunk;
    uint64_t count = part.images * chunks * x.width;
    Window w = part.window(lowering.caps(), values, x);
    lowering.launch(launch(variant<Variant>(x.unit), {.x = w.operand, .partials = made.partials},
                           {.count = uint32_t(count),
                            .width = uint32_t(x.width),
                            .rows = uint32_t(part.rows()),
                            .chunk = uint32_t(made.chunk),
                            .chunks = uint32_t(chunks),
                            .x_base = w.base,
                            .first = uint32_t(part.image * all + part.begin / made.chunk)},
                           {.local_x = 64}, fold(lowering.caps(), (count + 63) / 64)));
}

std::vector<Statistics> norm_statistics(Lowering& lowering, const Tensor& x,
                                        const NormLayout& layout) {
    std::vector<Statistics> given = lowering.statistics(x);
    if (of_images(given, layout)) return given;
    const uint64_t chunk = layout.chunk_of_sums(lowering.caps()),
                   chunks = (layout.rows + chunk - 1) / chunk;
    Statistics made{lowering.scratch(layout.images * chunks * layout.channels() * 2 * 4),
                    layout.channels(), chunk};
    for (const NormPart& part : parts_of(lowering.caps(), layout, chunk))
        launch_statistics(lowering, lowering.operand(x), layout, part, made);
    return {made};
}

Operand norm_factors(Lowering& lowering, const NormLayout& x,
                     const std::vector<Statistics>& statistics, const NormGroups& norm,
                     const Tensor& weight, const Tensor& bias) {
    using namespace kernels::group_norm_scale;
    Operand factors = lowering.scratch(x.images * x.channels() * 3 * 4);
    Args args{.groups = uint32_t(norm.groups),
              .group_channels = uint32_t(x.channels()) / uint32_t(norm.groups),
              .rows = uint32_t(x.rows),
              .eps = norm.eps};
    for (size_t i = 0; i < statistics.size(); i++) {
        args.channels[i] = uint32_t(statistics[i].channels);
        args.chunk[i] = uint32_t(statistics[i].chunk);
        args.chunks[i] = div_up(int64_t(x.rows), int64_t(statistics[i].chunk));
    }
    const Operand &partials = statistics.front().partials, &others = statistics.back().partials;
    RowGroup group = row_group(lowering.caps(), x.images * uint64_t(norm.groups),
                               uint64_t(args.chunks[0]) * args.group_channels / 4);
    Launch merge = launch(
        group.subgroup ? Variant::subgroup : Variant::shared,
        {.partials = partials,
         .weight = weight ? lowering.operand(weight) : partials,
         .bias = weight ? lowering.operand(bias) : partials,
         .scales = factors,
         .others = others},
        args, {.local_x = group.local, .affine = bool(weight), .unit_width = width_of(x.unit)},
        {uint32_t(norm.groups), uint32_t(x.images), 1});
    merge.subgroup_size = group.required_size;
    lowering.launch(std::move(merge));
    return factors;
}

}   // namespace kiln
