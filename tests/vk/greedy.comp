#version 450
#extension GL_KHR_shader_subgroup_arithmetic : require
// Asks for subgroup arithmetic, and for a workgroup and shared memory sized by constants.
layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint rows = 4;
layout(set = 0, binding = 0) buffer Data { float data[]; };
shared float tile[rows * 256];

void main() {
    uint i = gl_LocalInvocationIndex;
    tile[i] = data[i];
    barrier();
    data[i] = subgroupAdd(tile[i ^ 1]);
}
