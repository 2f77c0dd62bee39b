#version 450
// Y = X, sixteen bytes at a time: what a device's memory gives to a kernel.
layout(local_size_x = 128) in;
layout(set = 0, binding = 0) readonly buffer X { uvec4 x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { uvec4 y[]; };
layout(push_constant) uniform Args { uint count; } args;

void main() {
    uint first = gl_WorkGroupID.x * 512 + gl_LocalInvocationIndex;
    for (uint i = first; i < min(first + 512, args.count); i += 128) y[i] = x[i];
}
