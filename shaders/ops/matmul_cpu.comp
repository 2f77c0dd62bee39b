#version 450
// Matrix product and convolution for drivers that run on the CPU. A workgroup is one subgroup of
// eight lanes without shared memory: each lane loads four-vectors of its rows of A, which go round
// by broadcast, and owns COLUMNS four-vectors of each of 8 * ROWS rows of D. All operands are texel
// buffers, whose fetches such drivers vectorise.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_KHR_shader_subgroup_ballot : require
#include "lib/product.glsl"

layout(local_size_x = 8) in;
layout(constant_id = 0) const uint ROWS = 2;
layout(constant_id = 1) const uint COLUMNS = 2;
layout(constant_id = 2) const uint TRANSPOSED = 0;   // B is [columns, K]
layout(constant_id = 3) const uint BIAS = 0;
layout(constant_id = 4) const uint ACTIVATION = 0;
layout(constant_id = 5) const uint RESIDUAL = 0;     // kNone, kSame or kImage
layout(constant_id = 6) const uint HALF = 0;         // D is f16
layout(constant_id = 7) const uint STATISTICS = 0;   // of D are wanted
layout(constant_id = 8) const uint NORMALISED = 0;   // A is not: 0, else 1 + the activation
layout(constant_id = 9) const uint GATED = 0;        // B has the gates of D behind its values

layout(set = 0, binding = 0) uniform samplerBuffer a;
layout(set = 0, binding = 1) uniform samplerBuffer b;
layout(set = 0, binding = 2) uniform samplerBuffer bias;
layout(set = 0, binding = 3) uniform samplerBuffer residual;
layout(set = 0, binding = 4) writeonly buffer D { uvec2 d[]; };
layout(set = 0, binding = 5) writeonly buffer Statistics { vec4 statistics[]; };
layout(set = 0, binding = 6) uniform samplerBuffer factors;

const uint kOwn = GATED != 0 ? COLUMNS / 2 : COLUMNS;   // vectors of D; those behind are gates

vec4 acc[8 * ROWS][COLUMNS];

void store(uint index, vec4 value) {
    if (HALF != 0) {
        d[index] = pack_f16(value);
    } else {
        uvec4 bits = floatBitsToUint(value);
        d[2 * index] = bits.xy;
        d[2 * index + 1] = bits.zw;
    }
}

// Four steps along K of eight rows of D, a row at a time: its sums stay in registers meanwhile.
void multiply(uint r, vec4 row, vec4 values[4][COLUMNS]) {
#define LANE(i) { \
    vec4 s = subgroupBroadcast(row, i); \
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) \
        [[unroll]] for (uint q = 0; q < 4; q++) acc[8 * r + i][j] += s[q] * values[q][j]; }
    LANE(0) LANE(1) LANE(2) LANE(3) LANE(4) LANE(5) LANE(6) LANE(7)
}

// Four values of A by the factors of an image's channels.
vec4 normalise(vec4 value, uint of) {
    int at = 3 * int(of);
    vec4 mean = texelFetch(factors, at), scale = texelFetch(factors, at + 1);
    return activate(NORMALISED - 1, (value - mean) * scale + texelFetch(factors, at + 2), 0.01);
}

void main() {
    uint lane = gl_SubgroupInvocationID;
    uint row0 = gl_WorkGroupID.x * 8 * ROWS;
    uint outer = gl_WorkGroupID.z / inner, index = gl_WorkGroupID.z % inner;
    int a0 = int(base_a + outer * outer_a + index * inner_a);
    int b0 = int(base_b + outer * outer_b + index * inner_b);
    uint column[COLUMNS];
    int b_at[COLUMNS];
    [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
        column[j] = (gl_WorkGroupID.y * kOwn + j % kOwn) * 8 + lane;
        uint of_b = min(column[j], columns - 1) + j / kOwn * columns;
        b_at[j] = b0 + int(of_b * (TRANSPOSED != 0 ? 4 * pitch_b : 1));
    }
    Pixel pixel[ROWS];
    [[unroll]] for (uint r = 0; r < ROWS; r++)
        pixel[r] = pixel_of(min(row0 + r * 8 + lane, rows - 1));
    [[unroll]] for (uint i = 0; i < 8 * ROWS; i++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) acc[i][j] = vec4(0.0);

    int pitch = int(pitch_b);
    for (uint z = 0; z < taps(0); z++)
    for (uint y = 0; y < taps(1); y++)
    for (uint x = 0; x < taps(2); x++) {
        int a_at[ROWS];
        [[unroll]] for (uint r = 0; r < ROWS; r++) {
            int at = tap_of(pixel[r], uvec3(z, y, x));
            a_at[r] = at < 0 ? -1 : a0 + at * int(pitch_a);
        }
        for (uint k = 0; k < channels; k++) {
            vec4 row[ROWS], values[4][COLUMNS];
            [[unroll]] for (uint r = 0; r < ROWS; r++) {
                row[r] = texelFetch(a, max(a_at[r], 0) + int(k));
                if (NORMALISED != 0) row[r] = normalise(row[r], pixel[r].image * channels + k);
                if (a_at[r] < 0) row[r] = vec4(0.0);
            }
            [[unroll]] for (uint j = 0; j < COLUMNS; j++) {
                if (TRANSPOSED != 0) {
                    mat4 t;
                    [[unroll]] for (int q = 0; q < 4; q++)
                        t[q] = texelFetch(b, b_at[j] + q * pitch);
                    t = transpose(t);
                    [[unroll]] for (int q = 0; q < 4; q++) values[q][j] = t[q];
                    b_at[j]++;
                } else {
                    [[unroll]] for (int q = 0; q < 4; q++)
                        values[q][j] = texelFetch(b, b_at[j] + q * pitch);
                    b_at[j] += 4 * pitch;
                }
            }
            [[unroll]] for (uint r = 0; r < ROWS; r++) multiply(r, row[r], values);
        }
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) b_at[j] += int(skip_b);
    }

    // Drivers keep an array in memory that any loop indexes at run time: let that be another one.
    vec4 sum[8 * ROWS][COLUMNS];
    [[unroll]] for (uint i = 0; i < 8 * ROWS; i++)
        [[unroll]] for (uint j = 0; j < COLUMNS; j++) sum[i][j] = acc[i][j];

    uint d0 = base_d + outer * outer_d + index * inner_d;
    vec4 first[COLUMNS], s[COLUMNS], q[COLUMNS];
    [[unroll]] for (uint i = 0; i < 8 * ROWS; i++) {
        uint row = row0 + i;
        if (row >= rows) break;
        [[unroll]] for (uint j = 0; j < kOwn; j++) {
            if (column[j] >= columns) continue;
            uint at = d0 + row * pitch_d + column[j];
            vec4 value = alpha * sum[i][j];
            if (BIAS != 0) value += texelFetch(bias, int(index * inner_d + column[j]));
            if (GATED != 0) {
                vec4 gate = alpha * sum[i][j + kOwn];
                if (BIAS != 0) gate += texelFetch(bias, int(columns + column[j]));
                value *= activate(ACTIVATION, gate, 0.01);
            } else {
                value = activate(ACTIVATION, value, 0.01);
            }
            if (RESIDUAL == kSame) value += texelFetch(residual, int(at));
            if (RESIDUAL == kImage)
                value += texelFetch(residual, int(image_row(row) + index * inner_d + column[j]));
            store(at, value);
            if (STATISTICS == 0) continue;
            if (i == 0) first[j] = value, s[j] = q[j] = vec4(0.0);
            s[j] += value - first[j];
            q[j] += (value - first[j]) * (value - first[j]);
        }
    }
    [[unroll]] for (uint j = 0; j < kOwn && STATISTICS != 0; j++) {
        if (column[j] >= columns) continue;
        uint to = 2 * (gl_WorkGroupID.x * columns + column[j]);
        vec4 mean = s[j] / float(min(rows - row0, 8 * ROWS));
        statistics[to] = first[j] + mean;
        statistics[to + 1] = max(q[j] - s[j] * mean, 0.0);
    }
}
