#version 450
#extension GL_EXT_control_flow_attributes : require
// Multiplications and additions in registers, in chains that do not wait for each other: what a
// device's arithmetic gives to a kernel. VALUE is what it calculates with, WIDTH its elements.
// variants: f32: VALUE=float; f16: VALUE=f16vec2 HALF
#ifdef HALF
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#endif

layout(local_size_x = 128) in;
layout(set = 0, binding = 0) writeonly buffer Y { float y[]; };
layout(push_constant) uniform Args { uint rounds; float factor; float shift; } args;

const uint kChains = 8, kUnrolled = 8;

void main() {
    VALUE factor = VALUE(args.factor), shift = VALUE(args.shift), chain[kChains];
    [[unroll]] for (uint c = 0; c < kChains; c++)
        chain[c] = VALUE(float(gl_LocalInvocationIndex + c));
    for (uint i = 0; i < args.rounds; i++)
        [[unroll]] for (uint j = 0; j < kUnrolled; j++)
            [[unroll]] for (uint c = 0; c < kChains; c++)
                chain[c] = fma(chain[c], factor, shift);
    VALUE sum = chain[0];
    [[unroll]] for (uint c = 1; c < kChains; c++) sum += chain[c];
#ifdef HALF
    y[gl_GlobalInvocationID.x] = float(sum.x + sum.y);
#else
    y[gl_GlobalInvocationID.x] = sum;
#endif
}
