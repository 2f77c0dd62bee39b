#version 450
// target[i] = source[i] * factor + offset
layout(local_size_x = 64) in;
layout(constant_id = 0) const uint offset = 0;
layout(set = 0, binding = 0) readonly buffer Source { float source[]; };
layout(set = 0, binding = 1) writeonly buffer Target { float target[]; };
layout(push_constant) uniform Args { uint count; float factor; };

void main() {
    uint i = gl_GlobalInvocationID.x;
    if (i < count) target[i] = source[i] * factor + float(offset);
}
