// What a fit saves: splats, and what the optimiser remembers of them, as safetensors.
#pragma once
#include <span>
#include <string>

#include "modalities/splat/fit/densify.h"
#include "runtime/base/result.h"

namespace kiln {

struct FitFile {
    uint64_t views = 0;                  // a fingerprint of the pictures and cameras
    Cloud cloud;                         // its memory's steps are those of the fit
    std::vector<float> exposures = {};   // of Exposures; may be none
};

// Tensors f32 by name: splats.means [n, 3], .log_scales, .quaternions [n, 4], .logits [n], .sh
// [n, k, 3]; first.* and second.* alike; lengths and pictures [n]; exposures [m], if any.
Result<void> write_fit(const std::string& path, const FitFile& file);

// Status::bad_file unless all of that is there, finite, of 1 to `most` splats of this degree, with
// second moments that are not below 0 and quaternions that have a length.
Result<FitFile> read_fit(const std::string& path, int sh_degree, size_t most, size_t exposures = 0);
// The same of a file's bytes in memory.
Result<FitFile> parse_fit(std::span<const std::byte> bytes, const std::string& where, int sh_degree,
                          size_t most, size_t exposures = 0);

// Whether all is finite and every quaternion has a length.
bool sound(const Splats& splats);

}   // namespace kiln
