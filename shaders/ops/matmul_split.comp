#version 450
// The end of a product that was split along K: A holds the sum of each part, densely and in f32,
// and D takes the epilogue of their sum. `inner` counts the parts; B is not read.
#extension GL_GOOGLE_include_directive : require
#include "lib/product_storage.glsl"

layout(local_size_x = 64, local_size_x_id = 0) in;

void main() {
    uint at = gl_GlobalInvocationID.x, row = at / columns;
    if (row >= rows) return;
    vec4 sum = vec4(0.0);
    for (uint part = 0; part < inner; part++)
        sum += four_of(fetch_a(part * rows * columns + at), A_FORMAT, 0);
    finish(sum, row, at % columns, base_d, 0);
}
