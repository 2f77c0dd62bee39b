#version 450
#extension GL_GOOGLE_include_directive : enable
// Exclusive prefix sum of each block of x, in place, from where the block starts.
// Source: Harris, Sengupta, Owens. Parallel Prefix Sum (Scan) with CUDA. GPU Gems 3, 2007, 39.2.4.
#include "lib/scan.glsl"

layout(constant_id = 0) const bool BASED = false;   // else there is one block, which starts at 0

layout(set = 0, binding = 0) buffer X { uint x[]; };
layout(set = 0, binding = 1) readonly buffer Starts { uint starts[]; };
layout(push_constant) uniform Args { uint count; } args;

void main() {
    uint block = workgroup(), first = block * kScanBlock + gl_LocalInvocationID.x * kScanEach;
    uint end = min(first + kScanEach, args.count), sum = 0u;
    for (uint i = first; i < end; i++) sum = add(sum, x[i]);
    uint running = scan_group(sum);
    if (BASED && block * kScanBlock < args.count) running = add(starts[block], running);
    for (uint i = first; i < end; i++) {
        uint value = x[i];
        x[i] = running;
        running = add(running, value);
    }
}
