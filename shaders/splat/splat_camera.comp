#version 450
#extension GL_GOOGLE_include_directive : enable
// The camera's gradient: what the workgroups summed, added up in a fixed order.
#include "lib/spread.glsl"

layout(local_size_x = 128) in;
#include "lib/group.glsl"

layout(set = 0, binding = 0) readonly buffer Cameras { float cameras[]; };
layout(set = 0, binding = 1) writeonly buffer Gradient { float gradient[]; };
layout(push_constant) uniform Args { uint groups; } args;

void main() {
    uint value = gl_WorkGroupID.x;   // of twelve
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x; i < args.groups; i += 128u)
        sum += cameras[12u * i + value];
    sum = group_sum(sum);
    if (gl_LocalInvocationID.x == 0u) gradient[value] = sum;
}
