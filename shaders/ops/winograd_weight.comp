#version 450
// The transforms G g G^T of the 3x3 kernels w [3, 3, c, n] for a band of the results' channels,
// as 36 matrices [c, columns]. Columns count in fours. See lib/winograd.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/winograd.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const bool BACKWARDS = false;   // the last tap comes first
layout(set = 0, binding = 0) uniform samplerBuffer w;
layout(set = 0, binding = 1) writeonly buffer U { vec4 u[]; };
layout(push_constant) uniform Args {
    uint channels;
    uint first, columns;   // of the band
    uint pitch;            // between rows of w
};

void main() {
    uint item = gl_GlobalInvocationID.x, c = item / columns, column = item % columns;
    if (c >= channels) return;
    vec4 half_way[6][3];   // G g
    [[unroll]] for (uint j = 0; j < 3; j++) {
        vec4 g[3];
        [[unroll]] for (uint i = 0; i < 3; i++) {
            uint tap = BACKWARDS ? 8 - (3 * i + j) : 3 * i + j;
            g[i] = texelFetch(w, int((tap * channels + c) * pitch + first + column));
        }
        vec4 t[6] = of_weight(g);
        [[unroll]] for (uint i = 0; i < 6; i++) half_way[i][j] = t[i];
    }
    [[unroll]] for (uint i = 0; i < 6; i++) {
        vec4 line[6] = of_weight(half_way[i]);
        [[unroll]] for (uint j = 0; j < 6; j++)
            u[((6 * i + j) * channels + c) * columns + column] = line[j];
    }
}
