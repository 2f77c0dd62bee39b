// Sums and maxima over a workgroup, the same on all its invocations. With SUBGROUP the workgroup is
// one subgroup and nothing waits: barriers are what costs on CPU drivers. Otherwise a tree in
// shared memory, for powers of two up to 128 invocations. The order of additions is fixed. Include
// it after the layout that sets the size: before that, gl_WorkGroupSize is 1.
#ifndef KILN_GROUP_GLSL
#define KILN_GROUP_GLSL

#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_arithmetic : require
float group_sum(float v) { return subgroupAdd(v); }
float group_max(float v) { return subgroupMax(v); }
#else
shared float partials[128];

float group_sum(float v) {
    uint i = gl_LocalInvocationID.x;
    barrier();
    partials[i] = v;
    for (uint half_ = gl_WorkGroupSize.x >> 1; half_ > 0u; half_ >>= 1) {
        barrier();
        if (i < half_) partials[i] += partials[i + half_];
    }
    barrier();
    return partials[0];
}

float group_max(float v) {
    uint i = gl_LocalInvocationID.x;
    barrier();
    partials[i] = v;
    for (uint half_ = gl_WorkGroupSize.x >> 1; half_ > 0u; half_ >>= 1) {
        barrier();
        if (i < half_) partials[i] = max(partials[i], partials[i + half_]);
    }
    barrier();
    return partials[0];
}
#endif

#endif
