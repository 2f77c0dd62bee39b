#version 450
#extension GL_GOOGLE_include_directive : enable
// A function of one value, applied to every element. OP: 0 to 8 as Activation, then as Unary in
// runtime/ops/pointwise.cpp.
// variants: f32: ; f32_scalar: SCALAR; f16: STORAGE_F16; bf16: STORAGE_BF16
#include "lib/special.glsl"
#include "lib/spread.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint OP = 0;
layout(set = 0, binding = 0) readonly buffer X { STORED x[]; };
layout(set = 0, binding = 1) writeonly buffer Y { STORED y[]; };
layout(push_constant) uniform Args { uint count; uint chunk; float a; float b; } args;

UNIT apply(UNIT v) {
    switch (OP) {
        case 9u: return erf_of(v);
        case 10u: return exp(v);
        case 11u: return log(v);
        case 12u: return sqrt(v);
        case 13u: return inversesqrt(v);
        case 14u: return sine(v, 0.0);
        case 15u: return sine(v, 1.0);
        case 16u: return abs(v);
        case 17u: return v * v;
        case 18u: return 1.0 / v;
        case 19u: return clamp(v, args.a, args.b);
        case 20u: return v * args.a + args.b;
        case 21u: return mix(UNIT(0.0), UNIT(1.0), less_than(UNIT(0.0), v));
        default: return activate(OP, v, args.a);
    }
}

void main() {
    uint end = end_unit(args.chunk, args.count);
    for (uint i = first_unit(args.chunk); i < end; i += gl_WorkGroupSize.x)
        y[i] = store(apply(load(x[i])));
}
