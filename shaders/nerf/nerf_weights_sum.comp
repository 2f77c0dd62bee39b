#version 450
#extension GL_GOOGLE_include_directive : enable
// Adds the sums of all chunks to the gradient of a perceptron's weights, in their order.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint CHUNK = 128u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Sums { float sums[]; };   // [chunks, count]
layout(set = 0, binding = 2) buffer Gradient { float gradient[]; };
layout(push_constant) uniform Args { uint first; uint count; } args;   // weights

void main() {
    uint i = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (i >= args.count) return;
    uint chunks = (block.band.w + CHUNK - 1u) / CHUNK;
    float sum = 0.0;
    for (uint c = 0u; c < chunks; c++) sum += sums[c * args.count + i];
    gradient[args.first + i] += sum;
}
