#version 450
#extension GL_GOOGLE_include_directive : enable
// Standard normal values by Philox 4x32-10 and Box-Muller, element i from counter
// (offset, 0, i, 0), which is what torch draws on NVIDIA devices for small tensors.
// Salmon et al. Parallel Random Numbers: As Easy as 1, 2, 3. 2011.
#define SCALAR
#include "lib/philox.glsl"
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(set = 0, binding = 0) readonly buffer Seed { uint seed[]; };   // low, high, offset
layout(set = 0, binding = 1) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args { uint count; uint chunk; } args;

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x) {
        uvec4 bits = philox(uvec4(seed[2], 0u, i, 0u), uvec2(seed[0], seed[1]));
        float u = float(bits.x) * 2.3283064365386963e-10 + 1.1641532182693481e-10;
        float v = float(bits.y) * 1.4629180792671596e-9 + 7.314590396335798e-10;
        y[i] = sqrt(max(-2.0 * log_of(u), 0.0)) * sine(v, 0.0);
    }
}
