#version 450
#extension GL_GOOGLE_include_directive : enable
// Adds a picture's gradient to those of the step, and for each splat that was in the picture the
// length of its gradient by the centre, which densification goes by.
// Source: Kerbl et al. 3D Gaussian Splatting. 2023, section 5.2.
#include "lib/splat_optimiser.glsl"

layout(local_size_x = 128) in;

layout(set = 0, binding = 0) readonly buffer Block { OptimiserBlock block; };
layout(set = 0, binding = 1) readonly buffer Gradient { float gradient[]; };
layout(set = 0, binding = 2) buffer Sums { float sums[]; };
layout(set = 0, binding = 3) buffer Statistics { float statistics[]; };   // lengths, then pictures
layout(push_constant) uniform Args { uint capacity; uint end; } args;

void main() {
    uint e = workgroup() * gl_WorkGroupSize.x + gl_LocalInvocationID.x;
    if (e < args.end) {
        float before = block.size.y != 0u ? 0.0 : sums[e];
        sums[e] = before + block.sum.x * gradient[e];
    } else if (e - args.end < block.size.x) {
        uint i = e - args.end;
        float length_ = gradient[e];
        if (length_ > 0.0 && usable(length_)) {
            statistics[i] += block.sum.y * length_;
            statistics[args.capacity + i] += 1.0;
        }
    }
}
