// Splats as PLY, the format that training programs write and every viewer reads.
// Source: the files of Kerbl et al. 2023 (properties and their order); Turk 1994 (the container).
//
// One element "vertex", binary little endian, all float: x y z nx ny nz f_dc_0..2 f_rest_0..44
// opacity scale_0..2 rot_0..3. Normals are zero. f_rest has the higher coefficients channel by
// channel (9, 24 or 45; none at degree 0); opacity is the logit, scale the logarithm, rot w x y z.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

// In any format of PLY, with the properties in any order and type and others between them. A
// comment "SplatRenderMode: mip" or "antialiased 1" tells of compensation. Values are as they
// stand: not checked, axes as in the file.
Result<Splats> parse_ply(std::span<const std::byte> bytes, const std::string& where,
                         size_t max_splats);
std::vector<std::byte> ply_bytes(const Splats& splats);

}   // namespace kiln
