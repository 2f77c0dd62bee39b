// What the kernels of the optimiser share. Written by the host, as OptimiserBlock in
// modalities/splat/fit/optimiser.cpp.
#ifndef KILN_SPLAT_OPTIMISER_GLSL
#define KILN_SPLAT_OPTIMISER_GLSL
#include "lib/spread.glsl"

struct OptimiserBlock {
    vec4 rates;         // of means, log-scales, quaternions, logits
    vec4 colours;       // rates of the constant harmonic and of the others; weights of opacity and
                        // scale in the loss
    vec4 moments;       // beta1, beta2, epsilon; how far means may be from 0
    vec4 corrections;   // 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t); least and most log-scale
    vec4 sum;           // weight of the gradient that is added, and of its lengths; strength of the
                        // noise; most absolute logit
    uvec4 size;         // splats; whether a sum begins; the seed of the noise
    uvec4 step;         // which one it is
};

// Whether it is a number below 1e18, so that its square is one too. By bits: compilers may take it
// for granted that nothing is infinite.
bool usable(float v) {
    return (floatBitsToUint(v) & 0x7fffffffu) < floatBitsToUint(1e18);
}

#endif
