// A plane of values through a network in overlapping tiles, blended where they overlap: less
// memory, and nearly the result of one pass; what differs is what the network sees as a whole, the
// statistics of its group norms and its attention. As AutoencoderKL.tiled_decode and tiled_encode
// of diffusers.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace kiln {

// A tile and what the network makes of it: sides, and channels of [height, width, channels].
struct Tiling {
    int64_t tile_in, tile_out;   // multiples of 4
    int64_t channels_in, channels_out;
};

// One tile [height, width, channels_in] to [height * tile_out / tile_in, ..., channels_out].
using TileNetwork =
    std::function<std::vector<float>(std::span<const float> tile, int64_t height, int64_t width)>;

// `source` is [height, width, channels_in]; each side times tile_out / tile_in must be whole.
// Tiles are tile_in a side, or what is left at the lower and right edges.
std::vector<float> in_tiles(std::span<const float> source, int64_t height, int64_t width,
                            const Tiling& tiling, const TileNetwork& network);

}   // namespace kiln
