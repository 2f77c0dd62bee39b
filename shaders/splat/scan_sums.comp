#version 450
#extension GL_GOOGLE_include_directive : enable
// Sums of the blocks of x, which a prefix sum over them turns into where each block starts. Sums
// stop at 2^31 - 1 (lib/scan.glsl).
#include "lib/scan.glsl"

layout(set = 0, binding = 0) readonly buffer X { uint x[]; };
layout(set = 0, binding = 1) writeonly buffer Sums { uint sums[]; };
layout(push_constant) uniform Args { uint count; } args;

void main() {
    uint block = workgroup(), first = block * kScanBlock + gl_LocalInvocationID.x * kScanEach;
    uint sum = 0u;
    for (uint i = first; i < min(first + kScanEach, args.count); i++) sum = add(sum, x[i]);
    uint before = scan_group(sum);
    if (gl_LocalInvocationID.x == gl_WorkGroupSize.x - 1u && block * kScanBlock < args.count)
        sums[block] = add(before, sum);
}
