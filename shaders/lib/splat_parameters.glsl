// Reads a splat from `splats`, whose sections are of args.capacity splats each: means, logarithms
// of scales, quaternions, logits, harmonics. Include it after both are declared.
#ifndef KILN_SPLAT_PARAMETERS_GLSL
#define KILN_SPLAT_PARAMETERS_GLSL

vec3 vector_at(uint at) { return vec3(splats[at], splats[at + 1u], splats[at + 2u]); }

Parameters parameters_of(uint i) {
    Parameters s;
    uint n = args.capacity, q = 6u * n + 4u * i;
    s.mean = vector_at(3u * i);
    s.scale = exp(vector_at(3u * n + 3u * i));
    s.quaternion = vec4(splats[q], vector_at(q + 1u));
    s.logit = splats[10u * n + i];
    return s;
}

#endif
