#include "modalities/latent/tiles.h"

#include <algorithm>

namespace kiln {
namespace {

struct Tile {
    int64_t height = 0, width = 0, channels = 0;
    std::vector<float> values;   // [height, width, channels]

    float* at(int64_t y, int64_t x) { return values.data() + (y * width + x) * channels; }
    const float* at(int64_t y, int64_t x) const {
        return values.data() + (y * width + x) * channels;
    }
};

Tile cut(std::span<const float> source, int64_t source_width, int64_t y, int64_t x, int64_t height,
         int64_t width, int64_t channels) {
    Tile tile{height, width, channels, {}};
    tile.values.resize(size_t(height * width * channels));
    for (int64_t row = 0; row < height; row++)
        std::copy_n(source.data() + ((y + row) * source_width + x) * channels, width * channels,
                    tile.at(row, 0));
    return tile;
}

// From `before` to `after` over `count` values, `share` of the way.
void mix(const float* before, float* after, int64_t count, float share) {
    for (int64_t i = 0; i < count; i++) after[i] = before[i] * (1 - share) + after[i] * share;
}

void blend_from_above(const Tile& above, Tile& tile, int64_t extent) {
    extent = std::min({extent, above.height, tile.height});
    for (int64_t y = 0; y < extent; y++)
        mix(above.at(above.height - extent + y, 0), tile.at(y, 0), tile.width * tile.channels,
            float(y) / float(extent));
}

void blend_from_left(const Tile& left, Tile& tile, int64_t extent) {
    extent = std::min({extent, left.width, tile.width});
    for (int64_t y = 0; y < tile.height; y++)
        for (int64_t x = 0; x < extent; x++)
            mix(left.at(y, left.width - extent + x), tile.at(y, x), tile.channels,
                float(x) / float(extent));
}

}   // namespace

std::vector<float> in_tiles(std::span<const float> source, int64_t height, int64_t width,
                            const Tiling& t, const TileNetwork& network) {
    const int64_t step = t.tile_in * 3 / 4, blend = t.tile_out / 4, kept = t.tile_out - blend;
    const auto scaled = [&](int64_t side) { return side * t.tile_out / t.tile_in; };
    Tile result{scaled(height), scaled(width), t.channels_out, {}};
    result.values.resize(size_t(result.height * result.width * result.channels));
    std::vector<Tile> above;
    for (int64_t y = 0; y < height; y += step) {
        std::vector<Tile> row;
        for (int64_t x = 0; x < width; x += step) {
            const Tile in = cut(source, width, y, x, std::min(t.tile_in, height - y),
                                std::min(t.tile_in, width - x), t.channels_in);
            Tile tile{scaled(in.height), scaled(in.width), t.channels_out,
                      network(in.values, in.height, in.width)};
            if (!above.empty()) blend_from_above(above[row.size()], tile, blend);
            if (!row.empty()) blend_from_left(row.back(), tile, blend);
            for (int64_t line = 0; line < std::min(kept, tile.height); line++)
                std::copy_n(tile.at(line, 0), std::min(kept, tile.width) * t.channels_out,
                            result.at(scaled(y) + line, scaled(x)));
            row.push_back(std::move(tile));
        }
        above = std::move(row);
    }
    return result.values;
}

}   // namespace kiln
