// What a rasteriser holds, for its two passes: rasteriser.cpp draws, raster_gradient.cpp
// differentiates.
#pragma once
#include <optional>

#include "modalities/splat/raster/launch_list.h"
#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/raster/sort.h"

namespace kiln {

// As in shaders/lib/splat.glsl.
struct ViewBlock {
    float rows[3][4], focal[4], limits[4], background[4], position[4];
    uint32_t size[4];
};

inline constexpr uint32_t kRasterLocal = 128;   // splats that a workgroup takes

struct Rasteriser::State {
    std::shared_ptr<Device> device;
    RasterOptions options;
    SplatSections sections;
    uint32_t count = 0, pairs = 0, capacity = 0;   // splats; pairs; room for pairs
    uint32_t tiles = 0;
    Buffer view, parameters, image;
    // By splat, by depth, by pair, by tile.
    Buffer records, counts, counts_scratch, owners, ranges;
    SortMemory depths, tile_lists;
    int depths_at = 0, lists_at = 0;   // which of two arrays the sorts ended in
    std::optional<LaunchList> forward, backward;
    Buffer slopes, gradient, cameras, camera;   // made when they are first asked for
    Buffer sums;                                // of pairs, or of splats where atomics add them up
    Buffer part_ranges;                         // of tiles, where the backward pass goes in parts
    uint32_t parts = 0;                         // that it was recorded for

    Result<void> allocate();
    Result<void> grow(uint64_t wanted);
    Result<void> record();
    void add_binning(LaunchList& list, const Buffer& order, bool emit);
    ViewBlock block_of(const View& view) const;

    Result<void> allocate_gradient();
    Result<void> allocate_sums();
    Result<void> record_backward();
    void add_pairs(LaunchList& list, uint32_t first);
    void add_splats(LaunchList& list, uint32_t first, uint32_t end);
    uint32_t pairs_at_once() const;
};

// Room for f32 or u32, at least one of them.
inline Result<Buffer> raster_words(Device& device, uint64_t count) {
    return device.allocate((count ? count : 1) * 4, Intent::device);
}

}   // namespace kiln
