#version 450
// The transforms G g of four taps at a time of w [taps, c, n] for a band of the results' channels,
// as 7 matrices [parts * c, columns]. Columns count in fours. See lib/winograd_line.glsl.
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "lib/winograd_line.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) uniform samplerBuffer w;
layout(set = 0, binding = 1) writeonly buffer U { vec4 u[]; };
layout(push_constant) uniform Args {
    uint taps, parts;
    uint channels;
    uint first, columns;   // of the band
    uint pitch;            // between rows of w
};

void main() {
    uint item = gl_GlobalInvocationID.x, row = item / columns, column = item % columns;
    uint part = row / channels, c = row % channels;
    if (part >= parts) return;
    vec4 g[4];
    [[unroll]] for (uint i = 0; i < 4; i++) {
        uint tap = 4 * part + i;
        uint from = (min(tap, taps - 1) * channels + c) * pitch + first + column;
        g[i] = texelFetch(w, int(from));
        if (tap >= taps) g[i] = vec4(0.0);
    }
    vec4 t[7] = of_weight(g);
    [[unroll]] for (uint i = 0; i < 7; i++)
        u[(i * parts * channels + row) * columns + column] = t[i];
}
