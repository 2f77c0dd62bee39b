// Tiles of A and B on their way into shared memory for kernels with cooperative matrices: loaded
// eight f16 at a time into registers, so that they travel while the tiles before them multiply.
//
// Whoever includes this has declared the buffers a and b of uvec4, the constants ROWS, COLUMNS and
// DEPTH (of the tiles), TRANSPOSED, TURNED (B is transposed on its way into the tile), PLAIN (row r
// of the product is pixel r of A), ONE_IMAGE (the rows of a tile are of one image) and GATED,
// kThreads, kStagesA and kStagesB (which of the two it stages), kTogether, and kTile, the uvec4 of
// shared memory that it needs itself when they are done with.
#ifndef KILN_STAGE_GLSL
#define KILN_STAGE_GLSL
#include "lib/normalise.glsl"

// Of the columns of B's tile, kTogether at a time are values of D in their first half and the gates
// of those in the second; without gates all are values.
const uint kOwnColumns = GATED != 0 ? COLUMNS / 2 : COLUMNS;   // values of D in a row of the tile
const bool kByColumn = TRANSPOSED != 0 || TURNED != 0;  // B's tile is [column][k], else [k][column]
const uint kDepth = DEPTH / 8, kWide = COLUMNS / 8;     // in eights
const uint kPitchA = kDepth + 1;                        // one more against conflicts of banks
const uint kPitchB = (kByColumn ? kDepth : kWide) + 1;
const uint kTileA = kStagesA ? ROWS * kPitchA : 0;      // where B's tile begins
const uint kTiles = kTileA + (!kStagesB ? 0 : kByColumn ? COLUMNS * kPitchB : DEPTH * kPitchB);
const uint kLoadsA = (ROWS * kDepth + kThreads - 1) / kThreads;
const uint kPairs = (DEPTH / 2 * kWide + kThreads - 1) / kThreads;
const uint kLoadsB = TURNED != 0 ? 2 * kPairs : (COLUMNS * kDepth + kThreads - 1) / kThreads;

shared uvec4 tile[kTiles > kTile ? kTiles : kTile];

// Where an invocation stands along K while it loads A: eight channels of a tap.
struct Cursor {
    uvec3 tap;
    uint channel;
};
Cursor cursor;
Pixel pixel[kLoadsA];
int source[kLoadsA];                                    // of `pixel` at the tap; negative: padding
uvec4 next_a[kLoadsA], next_b[kLoadsB];
Factor next_factor[2];                                  // where ONE_IMAGE
uint tile_image;

void advance(uint by, bool moved) {
    cursor.channel += by;
    while (cursor.channel >= channels / 2 && cursor.tap.x < taps(0)) {
        cursor.channel -= channels / 2;
        moved = true;
        if (++cursor.tap.z < taps(2)) continue;
        cursor.tap.z = 0;
        if (++cursor.tap.y < taps(1)) continue;
        cursor.tap.y = 0;
        cursor.tap.x++;                                 // at the end: the tile is filled with zeros
    }
    if (!moved || PLAIN != 0) return;
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) source[i] = tap_of(pixel[i], cursor.tap);
}

// The rows of A from `row0` on, from the start of K.
void begin(uint row0) {
    uint thread = gl_LocalInvocationIndex;
    tile_image = row0 / (out_size[0] * out_size[1] * out_size[2]);
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        uint row = min(row0 + (thread + i * kThreads) / kDepth, rows - 1);
        source[i] = int(row);
        if (PLAIN == 0 || NORMALISED != 0) pixel[i] = pixel_of(row);
    }
    cursor = Cursor(uvec3(0), 0);
    advance(thread % kDepth, true);
}

void load_factors(uint image) {
    uint channel = 2 * min(cursor.channel, channels / 2 - 1);
    next_factor[0] = factor_of(image, channel);
    next_factor[1] = factor_of(image, channel + 1);
}

void load_a(uint base) {
    if (NORMALISED != 0 && ONE_IMAGE != 0) load_factors(tile_image);
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        next_a[i] = uvec4(0);
        if (cursor.tap.x < taps(0) && source[i] >= 0)
            next_a[i] = a[base + uint(source[i]) * (pitch_a / 2) + cursor.channel];
    }
}

// Eight values of A by the factors that are at hand.
uvec4 normalised(uvec4 eight) {
    return uvec4(pack_f16(normalise(unpack_f16(eight.xy), next_factor[0])),
                 pack_f16(normalise(unpack_f16(eight.zw), next_factor[1])));
}

void store_a() {
    [[unroll]] for (uint i = 0; i < kLoadsA; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads;
        if (NORMALISED != 0 && ONE_IMAGE == 0) load_factors(pixel[i].image);
        if (NORMALISED != 0 && source[i] >= 0 && cursor.tap.x < taps(0))
            next_a[i] = normalised(next_a[i]);
        if (item < ROWS * kDepth) tile[item / kDepth * kPitchA + item % kDepth] = next_a[i];
    }
}

// What of B was stepped over before row k, in fours: parts of K take some channels of each tap.
uint skipped_b(uint k) { return skip_b == 0 ? 0 : k / (4 * channels) * skip_b; }

// The column of D, from the tile's first on, that a column of B's tile belongs to, and whether the
// latter is a gate.
uint own_column(uint column, out bool gate) {
    gate = GATED != 0 && column % kTogether >= kTogether / 2;
    if (GATED == 0) return column;
    return column / kTogether * (kTogether / 2) + column % (kTogether / 2);
}

#ifdef QUANTISED
#include "lib/stage_quantised.glsl"
#else
// The eight values of B that load i of this invocation brings, as (k, column); one is in eights.
uvec2 place_b(uint i) {
    uint item = gl_LocalInvocationIndex + i * kThreads;
    if (TRANSPOSED != 0) return uvec2(item % kDepth, item / kDepth);
    if (TURNED == 0) return uvec2(item / kWide, item % kWide);
    uint pair = gl_LocalInvocationIndex + i / 2 * kThreads;
    return uvec2(pair % (DEPTH / 2) * 2 + i % 2, pair / (DEPTH / 2));
}

// The tile of B whose first column is column0 of D.
void load_b(uint base, uint k, uint depth, uint column0) {
    base += skipped_b(k) / 2;
    [[unroll]] for (uint i = 0; i < kLoadsB; i++) {
        uvec2 at = place_b(i);
        next_b[i] = uvec4(0);
        if (TRANSPOSED != 0) {
            if (k + 8 * at.x < depth && column0 + at.y < 4 * columns && at.y < COLUMNS)
                next_b[i] = b[base + (column0 + at.y) * (pitch_b / 2) + k / 8 + at.x];
        } else {
            bool gate;
            uint column = column0 / 8 + own_column(8 * at.y, gate) / 8;
            uint from = base + (k + at.x) * (pitch_b / 2) + (gate ? columns / 2 : 0);
            if (k + at.x < depth && column < columns / 2 && at.y < kWide)
                next_b[i] = b[from + column];
        }
    }
}

// Two rows of B as eight columns of pairs.
void store_pairs(uvec4 even, uvec4 odd, uint pair, uint column8) {
    [[unroll]] for (uint j = 0; j < 8; j++) {
        uint low = even[j / 2] >> 16 * (j % 2) & 0xffffu, high = odd[j / 2] >> 16 * (j % 2);
        tile[kTileA + (8 * column8 + j) * kPitchB + pair / 4][pair % 4] = low | high << 16;
    }
}

void store_b() {
    [[unroll]] for (uint i = 0; i < kLoadsB; i++) {
        uvec2 at = place_b(i);
        if (TRANSPOSED != 0) {
            if (at.y < COLUMNS) tile[kTileA + at.y * kPitchB + at.x] = next_b[i];
        } else if (TURNED == 0) {
            if (at.x < DEPTH) tile[kTileA + at.x * kPitchB + at.y] = next_b[i];
        } else if (i % 2 == 0 && at.y < kWide) {
            store_pairs(next_b[i], next_b[i + 1], at.x / 2, at.y);
        }
    }
}
#endif

#endif
