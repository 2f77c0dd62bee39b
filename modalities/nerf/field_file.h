// What a fit of a radiance field saves: the field, what the optimiser remembers of it, and what is
// known of the cells of its cube, as safetensors.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "modalities/nerf/layout.h"
#include "runtime/base/result.h"

namespace kiln {

struct FieldFile {
    uint64_t origin = 0;   // a fingerprint of the pictures, the cameras and what the field is
    uint32_t rays = 0;     // of the next step
    FieldState field;
    std::vector<float> densities;     // of Occupancy
    std::vector<uint32_t> occupied;   // a bit for each cell
};

// How much there has to be of everything.
struct FieldExtent {
    size_t values, cells;
};

// Tensors by name: f32 parameters, first and second [values], densities [cells], u32 occupied
// [cells / 32], rounded up.
Result<void> write_field(const std::string& path, const FieldFile& file);

// Status::bad_file unless all of that is there and finite, with parameters that Adam here can
// reach, second moments that are not below 0 and densities not below -1.
Result<FieldFile> read_field(const std::string& path, const FieldExtent& extent);
// The same of a file's bytes in memory.
Result<FieldFile> parse_field(std::span<const std::byte> bytes, const std::string& where,
                              const FieldExtent& extent);

}   // namespace kiln
