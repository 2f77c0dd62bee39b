// What group norm and its gradient share: how x is cut into chunks of rows, and what every channel
// is normalized by. Within runtime/ops only.
#pragma once
#include "runtime/graph/lowering.h"
#include "runtime/ops/spread.h"

namespace kiln {

// x as [images, rows, units of channels].
struct NormLayout {
    Unit unit;
    uint64_t images, rows, width;

    explicit NormLayout(const Tensor& x);
    uint64_t row_bytes() const { return width * bytes_of(unit); }
    uint64_t channels() const { return width * width_of(unit); }

    // Rows an invocation takes so that about `lanes` of them have work.
    uint64_t chunk(uint64_t lanes, uint64_t least) const;
    // The same for sums over rows, and for one result a value.
    uint64_t chunk_of_sums(const Caps& caps) const;
    uint64_t chunk_of_values(const Caps& caps) const;
};

// Rows [begin, end) of every image from `image` on for `images`; only whole images come several at
// once.
struct NormPart {
    uint64_t image, images, begin, end;

    uint64_t rows() const { return end - begin; }
    uint64_t chunks(uint64_t chunk) const { return (rows() + chunk - 1) / chunk; }
    // What lies there of a tensor of the layout.
    Window window(const Caps& caps, const Operand& operand, const NormLayout& x) const;
};
std::vector<NormPart> parts_of(const Caps& caps, const NormLayout& x, uint64_t chunk);

// Of whoever wrote x, where that gave any, else computed.
std::vector<Statistics> norm_statistics(Lowering& lowering, const Tensor& x,
                                        const NormLayout& layout);

struct NormGroups {
    int groups;
    float eps;
};
// f32 [images, units of channels, {mean, weight / deviation, bias}, unit]; weight and bias may be
// empty.
Operand norm_factors(Lowering& lowering, const NormLayout& x,
                     const std::vector<Statistics>& statistics, const NormGroups& norm,
                     const Tensor& weight, const Tensor& bias);

}   // namespace kiln
