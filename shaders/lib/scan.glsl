// Exclusive prefix sums of a workgroup of 128 in shared memory: right at every subgroup size. They
// saturate at 2^31 - 1, which is associative, so that no count can wrap round to a small one.
#ifndef KILN_SCAN_GLSL
#define KILN_SCAN_GLSL
#include "lib/spread.glsl"

layout(local_size_x = 128) in;

const uint kScanEach = 8u;   // neighbours that an invocation takes
const uint kScanBlock = 1024u;

shared uint scan_partials[128];
shared uint scan_groups[16];   // sums of eight neighbours

uint add(uint a, uint b) { return min(a + b, 0x7fffffffu); }

// What the invocations before this one sum up to. Two levels instead of a tree: CPU drivers pay
// for barriers.
uint scan_group(uint value) {
    uint i = gl_LocalInvocationID.x;
    barrier();
    scan_partials[i] = value;
    barrier();
    if (i < 16u) {
        uint sum = 0u;
        for (uint j = 0u; j < 8u; j++) sum = add(sum, scan_partials[i * 8u + j]);
        scan_groups[i] = sum;
    }
    barrier();
    uint sum = 0u;
    for (uint j = 0u; j < i / 8u; j++) sum = add(sum, scan_groups[j]);
    for (uint j = i & ~7u; j < i; j++) sum = add(sum, scan_partials[j]);
    return sum;
}

#endif
