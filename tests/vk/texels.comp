#version 450
// target[i] = the i-th four-vector of a texel buffer
layout(local_size_x = 64) in;
layout(set = 0, binding = 0) uniform samplerBuffer source;
layout(set = 0, binding = 1) writeonly buffer Target { vec4 target[]; };
layout(push_constant) uniform Args { uint count; };

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count) target[i] = texelFetch(source, int(i));
}
