// What the short-time transforms share: their geometry, tables, and the passes of the fast one.
// Within runtime/ops only.
#pragma once
#include <optional>
#include <span>

#include "runtime/ops/ops.h"

namespace kiln {

// How a complex transform of `points` values is done in shared memory (shaders/lib/fft.glsl).
struct FourierPasses {
    uint32_t points, radices = 0, passes = 0;

    uint32_t local(const Caps& caps) const {
        if (caps.kind == DeviceKind::cpu) return caps.subgroup_size;
        return points < 512 ? 64 : 128;
    }
};

// Of a real transform of `size` values; none for factors above 7 and for what does not fit into
// 16 KiB: those go by a product with the matrix of the transform.
std::optional<FourierPasses> fourier_passes(int64_t size);

// exp(-2 pi i k / size) for k < size: cosines and sines by turns, [size, 2].
std::vector<float> unit_roots(int64_t size);

// The window of a frame: that of the options in the middle of n_fft values.
std::vector<float> taper_of(const StftOptions& options);

// Samples before the first one of the signal that frame 0 covers.
inline int64_t skipped_samples(const StftOptions& o) { return o.center ? o.n_fft / 2 : 0; }

void check_options(std::string_view op, const StftOptions& options, const Tensor& x);

}   // namespace kiln
