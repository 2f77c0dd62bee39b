#version 450
#extension GL_GOOGLE_include_directive : enable
// By which power of two the slopes of each level become whole numbers: so that no sum of them
// reaches 2^31. An entry's sum is at most that of all samples' absolute slopes, as the weights of a
// sample's corners sum to 1; that bound is brought below 2^30, and rounding adds four a sample at
// most, 2^19 for 2^17 samples.
#include "lib/nerf.glsl"

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint LEVELS = 8u;

layout(set = 0, binding = 0) readonly buffer Block { FieldBlock block; };
layout(set = 0, binding = 1) readonly buffer Bounds { float bounds[]; };   // [chunks, levels]
layout(set = 0, binding = 2) writeonly buffer Scales { vec2 scales[]; };   // and their inverse

void main() {
    uint level = gl_LocalInvocationID.x;
    if (level >= LEVELS) return;
    uint chunks = (block.band.w + 1023u) / 1024u;
    float sum = 0.0;
    for (uint c = 0u; c < chunks; c++) sum += bounds[c * LEVELS + level];
    // The exponent of a float: sum < 2^(exponent + 1).
    int exponent = clamp(int(floatBitsToUint(sum) >> 23) - 127, -90, 90);
    int shift = 29 - exponent;
    scales[level] = vec2(uintBitsToFloat(uint(shift + 127) << 23),
                         uintBitsToFloat(uint(127 - shift) << 23));
}
