// Tiles of a quantised B on their way into shared memory, as f16: four k of four columns at a time.
// A part of lib/stage.glsl; `pairs_b` is B.
#ifndef KILN_STAGE_QUANTISED_GLSL
#define KILN_STAGE_QUANTISED_GLSL
#define QUANT_PAIR(i) pairs_b[i]
#include "lib/quant.glsl"

const uint kBlocksWide = COLUMNS / 4, kBlocks = DEPTH / 4 * kBlocksWide;
const uint kLoadsBlocks = (kBlocks + kThreads - 1) / kThreads;

uvec2 next_block[kLoadsBlocks][4];                      // its rows or, kByColumn, its columns

// B is one matrix, from its beginning.
void load_b(uint base, uint k, uint depth, uint column0) {
    [[unroll]] for (uint i = 0; i < kLoadsBlocks; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads, k4 = k / 4 + item / kBlocksWide;
        bool gate;
        uint column = (column0 + own_column(item % kBlocksWide * 4, gate)) / 4;
        mat4 block = mat4(0.0);
        if (item < kBlocks && k4 < depth / 4 && column < columns)
            block = dequantise(B_FORMAT, k4, column + (gate ? columns : 0), depth / 4, pitch_b);
        if (kByColumn) block = transpose(block);
        [[unroll]] for (uint q = 0; q < 4; q++) next_block[i][q] = pack_f16(block[q]);
    }
}

void store_b() {
    [[unroll]] for (uint i = 0; i < kLoadsBlocks; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads;
        uint down = item / kBlocksWide, across = item % kBlocksWide;
        if (item >= kBlocks) continue;
        if (kByColumn) {
            uint swap = down;
            down = across;
            across = swap;
        }
        [[unroll]] for (uint q = 0; q < 4; q++) {
            uint at = kTileA + (4 * down + q) * kPitchB + across / 2;
            tile[at][across % 2 * 2] = next_block[i][q].x;
            tile[at][across % 2 * 2 + 1] = next_block[i][q].y;
        }
    }
}

#endif
