#version 450
#extension GL_GOOGLE_include_directive : enable
// Moves keys and values to where their digit puts them; equal digits stay in order. An invocation
// takes eight neighbours and counts their digits in a column of its own, so that the prefix sum
// over (digit, invocation) is each one's rank in the block, without atomics.
#include "lib/scan.glsl"

layout(set = 0, binding = 0) readonly buffer Keys { uint keys[]; };
layout(set = 0, binding = 1) readonly buffer Values { uint values[]; };
layout(set = 0, binding = 2) writeonly buffer Moved { uint moved[]; };
layout(set = 0, binding = 3) writeonly buffer Carried { uint carried[]; };
layout(set = 0, binding = 4) readonly buffer Starts { uint starts[]; };   // scanned histogram
layout(set = 0, binding = 5) readonly buffer Count { uint count[]; };
layout(push_constant) uniform Args { uint capacity; uint blocks; uint counted; uint shift; } args;

shared uint ranks[16 * 128];

void main() {
    uint i = gl_LocalInvocationID.x, block = workgroup();
    if (block >= args.blocks) return;
    uint n = min(count[args.counted], args.capacity), begin = block * kScanBlock;
    if (begin >= n) return;
    for (uint d = 0u; d < 16u; d++) ranks[d * 128u + i] = 0u;
    uint first = begin + i * kScanEach, end = min(first + kScanEach, n);
    for (uint k = first; k < end; k++) ranks[(keys[k] >> args.shift & 15u) * 128u + i]++;
    barrier();
    uint sum = 0u;
    for (uint j = 0u; j < 16u; j++) sum += ranks[i * 16u + j];
    uint running = scan_group(sum);
    for (uint j = 0u; j < 16u; j++) {
        uint value = ranks[i * 16u + j];
        ranks[i * 16u + j] = running;
        running += value;
    }
    barrier();
    if (i < 16u) scan_groups[i] = starts[i * args.blocks + block] - ranks[i * 128u];
    barrier();
    for (uint k = first; k < end; k++) {
        uint key = keys[k], digit = key >> args.shift & 15u;
        uint rank = ranks[digit * 128u + i]++;
        uint to = scan_groups[digit] + rank;
        if (to >= n) continue;   // impossible while keys stay as they were counted
        moved[to] = key;
        carried[to] = values[k];
    }
}
