#version 450
#extension GL_GOOGLE_include_directive : enable
// Rows of a table by index; the result is f32. An index out of range reads row 0.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/unit.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer Table { STORED table[]; };
layout(set = 0, binding = 1) readonly buffer Indices { int indices[]; };
layout(set = 0, binding = 2) writeonly buffer Y { UNIT y[]; };
layout(push_constant) uniform Args { uint count; uint chunk; uint width; uint rows; } args;

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uint to = i / args.width, row = uint(indices[to]);
        y[i] = load(table[(row < args.rows ? row : 0u) * args.width + i - to * args.width]);
    }
}
