#version 450
#extension GL_GOOGLE_include_directive : enable
// How often each digit occurs in each block of keys: histogram [16, blocks], digits first, so that
// its prefix sum is where each block puts its keys of each digit. Blocks beyond the count write 0.
#include "lib/spread.glsl"

layout(local_size_x = 128) in;
layout(set = 0, binding = 0) readonly buffer Keys { uint keys[]; };
layout(set = 0, binding = 1) writeonly buffer Histogram { uint histogram[]; };
layout(set = 0, binding = 2) readonly buffer Count { uint count[]; };
layout(push_constant) uniform Args { uint capacity; uint blocks; uint counted; uint shift; } args;

shared uint digits[16];

void main() {
    uint i = gl_LocalInvocationID.x, block = workgroup();
    if (block >= args.blocks) return;
    uint n = min(count[args.counted], args.capacity), begin = block * 1024u;
    if (i < 16u) digits[i] = 0u;
    barrier();
    for (uint k = begin + i; k < min(begin + 1024u, n); k += 128u)
        atomicAdd(digits[keys[k] >> args.shift & 15u], 1u);
    barrier();
    if (i < 16u) histogram[i * args.blocks + block] = digits[i];
}
