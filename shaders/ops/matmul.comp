#version 450
// Matrix product and convolution for any device: a tile of D for each workgroup, tiles of A and B
// in shared memory, and ROWS x COLUMNS four-vectors of D in the registers of each invocation.
// Volkov and Demmel. Benchmarking GPUs to Tune Dense Linear Algebra. 2008.
// variants: main:; wide: WIDE
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#define FACTORS 6
#define FACTORS_CONSTANT 13
#include "lib/product_storage.glsl"

layout(local_size_x = 128, local_size_x_id = 0) in;
layout(constant_id = 8) const uint ROWS = 4;          // of an invocation: a multiple of four
layout(constant_id = 9) const uint COLUMNS = 2;       // of an invocation, in fours
layout(constant_id = 10) const uint ACROSS = 8;       // invocations along the columns
layout(constant_id = 11) const uint WHOLE = 0;        // the channels of a tap are whole tiles

layout(constant_id = 12) const uint STATISTICS = 0;   // of D are wanted: kDown is at most kDepth

// D is the first half of the product times this activation of the second, each with its bias.
layout(constant_id = 14) const uint GATE = 0;         // 0: none, else 1 + activation
layout(constant_id = 15) const uint GATE_BIAS = 0;    // as BIAS, which is 0 then

layout(set = 0, binding = 5) writeonly buffer Statistics { vec4 statistics[]; };

const uint kDepth = 16;                               // of the tiles along K
const uint kThreads = gl_WorkGroupSize.x, kDown = kThreads / ACROSS;
const uint kTileRows = ROWS * kDown, kTileColumns = COLUMNS * ACROSS;   // rows; fours
const uint kDeep = kDepth / 4 / kItem, kBroad = kTileColumns / kItem;    // in items
// Vectors of an invocation and columns of a tile that are values of D; those behind are gates.
const uint kOwn = GATE != 0 ? COLUMNS / 2 : COLUMNS, kOwnColumns = kOwn * ACROSS;
const uint kItemsA = (kTileRows * kDeep + kThreads - 1) / kThreads;
const uint kItemsB = (kDepth * kBroad + kThreads - 1) / kThreads;
const uint kPitchA = kTileRows / 4 + 1;               // one more against conflicts of banks
const uint kPitchB = kTileColumns + (TRANSPOSED != 0 ? 1 : 0);

shared vec4 tile_a[kDepth * kPitchA];                  // [k][row], four rows each
shared vec4 tile_b[kDepth * kPitchB];                  // [k][column], four columns each

// Where the tiles stand along K: a channel of a tap. Unless WHOLE, every invocation has its own.
uvec3 tap = uvec3(0);
uint channel = 0;
uint next_b = 0;                                      // of the tile's first row, in B
Pixel pixel[kItemsA];
int source[kItemsA];                                  // of `pixel` at the tap; negative: padding
Item item_a[kItemsA], item_b[kItemsB];

void locate() {
    [[unroll]] for (uint i = 0; i < kItemsA; i++) source[i] = tap_of(pixel[i], tap);
}

void advance(uint by) {
    bool moved = false;
    channel += by;
    while (channel >= channels && tap.x < taps(0)) {
        channel -= channels;
        next_b += skip_b;
        moved = true;
        if (++tap.z < taps(2)) continue;
        tap.z = 0;
        if (++tap.y < taps(1)) continue;
        tap.y = 0;
        tap.x++;                                      // past the end: the tiles are zeros
    }
    if (moved && tap.x < taps(0)) locate();
}

void load_a(uint base) {
    uint from = base + channel + (WHOLE != 0 ? gl_LocalInvocationIndex % kDeep * kItem : 0);
    [[unroll]] for (uint i = 0; i < kItemsA; i++) {
        item_a[i] = kZeros;
        if (source[i] >= 0 && (WHOLE != 0 || tap.x < taps(0)))
            item_a[i] = fetch_a(from + uint(source[i]) * pitch_a);
    }
}

// Rows from k on; `left` of them are there.
void load_b(uint base, uint left) {
    [[unroll]] for (uint i = 0; i < kItemsB; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads;
        uint k = item / kBroad, place = item % kBroad * kItem;
        uint column = gl_WorkGroupID.y * kOwnColumns + place % kOwnColumns;
        uint at = k * pitch_b + min(column, columns - kItem) + place / kOwnColumns * columns;
        if (TRANSPOSED != 0) {
            k = item % kDeep * kItem * 4;
            column = gl_WorkGroupID.y * kTileColumns * 4 + item / kDeep;
            at = min(column, 4 * columns - 1) * pitch_b + k / 4;
        }
        item_b[i] = kZeros;
        if (WHOLE != 0 || k < left) item_b[i] = fetch_b(base + next_b + at);
    }
    next_b += TRANSPOSED != 0 ? kDepth / 4 : kDepth * pitch_b;
}

void store_tiles() {
    [[unroll]] for (uint i = 0; i < kItemsA; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads, row = item / kDeep;
        if (row >= kTileRows) continue;
        uint at = channel + (WHOLE != 0 ? item % kDeep * kItem : 0);
        [[unroll]] for (uint f = 0; f < kItem; f++) {
            vec4 four = four_of(item_a[i], A_FORMAT, f);
            if (NORMALISED != 0 && source[i] >= 0 && tap.x < taps(0))
                four = normalise(four, pixel[i].image, at + f);
            [[unroll]] for (uint q = 0; q < 4; q++)
                tile_a[((item % kDeep * kItem + f) * 4 + q) * kPitchA + row / 4][row % 4] = four[q];
        }
    }
    [[unroll]] for (uint i = 0; i < kItemsB; i++) {
        uint item = gl_LocalInvocationIndex + i * kThreads;
        if (item >= kDepth * kBroad) continue;
        if (TRANSPOSED != 0) {
            uint column = item / kDeep;
            [[unroll]] for (uint q = 0; q < 4 * kItem; q++)
                tile_b[(item % kDeep * 4 * kItem + q) * kPitchB + column / 4][column % 4] =
                    four_of(item_b[i], B_FORMAT, q / 4)[q % 4];
        } else {
            [[unroll]] for (uint q = 0; q < kItem; q++)
                tile_b[item / kBroad * kPitchB + item % kBroad * kItem + q] =
                    four_of(item_b[i], B_FORMAT, q);
        }
    }
}

vec4 acc[ROWS][COLUMNS];

void multiply(uint down, uint across) {
    // CPU drivers compile for long as it is.
    [[dont_unroll]] for (uint k4 = 0; k4 < kDepth; k4 += 4)
        [[unroll]] for (uint q = 0; q < 4; q++) {
            uint k = k4 + q;
            vec4 left[ROWS / 4], right[COLUMNS];
            [[unroll]] for (uint r = 0; r < ROWS / 4; r++)
                left[r] = tile_a[k * kPitchA + down + r * kDown];
            [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                right[j] = tile_b[k * kPitchB + across + j * ACROSS];
            [[unroll]] for (uint r = 0; r < ROWS; r++)
                [[unroll]] for (uint j = 0; j < COLUMNS; j++)
                    acc[r][j] = fma(vec4(left[r / 4][r % 4]), right[j], acc[r][j]);
        }
}

// Rows of D that an invocation has in its column of them.
uint rows_of(uint down) {
    uint count = 0, row = gl_WorkGroupID.x * kTileRows + 4 * down;
    [[unroll]] for (uint r = 0; r < ROWS; r += 4)
        count += min(4u, uint(max(int(rows) - int(row + r * kDown), 0)));
    return count;
}

// Sums over an invocation's rows, less `shift`: of the values or of their squares.
vec4 sum_of(uint j, uint count, vec4 shift, bool squares) {
    vec4 sum = vec4(0.0);
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
        vec4 value = r < count ? acc[r][j] - shift : vec4(0.0);
        sum += squares ? value * value : value;
    }
    return sum;
}

// Of every column of the tile, whose results are in `acc`: the mean from those of the invocations,
// then the squared deviations from it, summed in order. tile_b has kTileColumns rows for both.
void store_statistics(uint down, uint across) {
    uint own = rows_of(down), count = min(rows - gl_WorkGroupID.x * kTileRows, kTileRows);
    vec4 mean[COLUMNS];
    [[unroll]] for (uint j = 0; j < COLUMNS; j++)
        tile_b[down * kTileColumns + across + j * ACROSS] =
            acc[0][j] + sum_of(j, own, acc[0][j], false) / float(max(own, 1));
    barrier();
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        vec4 shift = tile_b[across + j * ACROSS], sum = vec4(0.0);
        for (uint i = 1; i < kDown; i++)
            sum += float(rows_of(i)) * (tile_b[i * kTileColumns + across + j * ACROSS] - shift);
        mean[j] = shift + sum / float(count);
    }
    barrier();
    [[unroll]] for (uint j = 0; j < COLUMNS; j++)
        tile_b[down * kTileColumns + across + j * ACROSS] = sum_of(j, own, mean[j], true);
    barrier();
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        uint column = gl_WorkGroupID.y * kTileColumns + across + j * ACROSS;
        if (down != 0 || column >= columns) continue;
        vec4 squares = vec4(0.0);
        for (uint i = 0; i < kDown; i++)
            squares += tile_b[i * kTileColumns + across + j * ACROSS];
        uint to = 2 * (gl_WorkGroupID.x * columns + column);
        statistics[to] = mean[j];
        statistics[to + 1] = squares;
    }
}

// Values times what becomes of the gates.
void apply_gates(uint column0) {
    [[unroll]] for (uint j = 0; j < kOwn; j++) {
        uint column = min(column0 + j * ACROSS, columns - 1);
        vec4 shift = vec4(0.0), shift_gate = vec4(0.0);
        if (GATE_BIAS != 0) {
            shift = LOAD_FORMAT(bias, GATE_BIAS - 1, column);
            shift_gate = LOAD_FORMAT(bias, GATE_BIAS - 1, columns + column);
        }
        [[unroll]] for (uint r = 0; r < ROWS; r++)
            acc[r][j] = (acc[r][j] + shift) *
                        activate(GATE - 1, acc[r][(j + kOwn) % COLUMNS] + shift_gate, 0.01);
    }
}

void main() {
    uint thread = gl_LocalInvocationIndex, down = thread / ACROSS, across = thread % ACROSS;
    uint tile_row = gl_WorkGroupID.x * kTileRows, tile_column = gl_WorkGroupID.y * kOwnColumns;
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    uint a0 = base_a + outer * outer_a + index * inner_a;
    uint b0 = base_b + outer * outer_b + index * inner_b;
    [[unroll]] for (uint i = 0; i < kItemsA; i++)
        pixel[i] = pixel_of(min(tile_row + (thread + i * kThreads) / kDeep, rows - 1));
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[r][j] = vec4(0.0);

    uint depth = 4 * channels * tap_count();
    locate();
    if (WHOLE == 0) advance(thread % kDeep * kItem);
    load_a(a0);
    load_b(b0, depth);
    for (uint k = 0; k < depth; k += kDepth) {
        store_tiles();
        barrier();
        if (k + kDepth < depth) {                      // the next tiles come while these multiply
            advance(kDepth / 4);
            load_a(a0);
            load_b(b0, depth - k - kDepth);
        }
        multiply(down, across);
        barrier();
    }

    uint d0 = base_d + outer * outer_d + index * inner_d, channel0 = index * inner_d;
    if (GATE != 0) apply_gates(tile_column + across);
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        [[unroll]] for (uint j = 0; j < kOwn; j++)
            acc[r][j] = finish(acc[r][j], tile_row + 4 * (down + r / 4 * kDown) + r % 4,
                               tile_column + across + j * ACROSS, d0, channel0);
    if (STATISTICS != 0) store_statistics(down, across);
}
