// Complex discrete Fourier transforms of POINTS values in shared memory, a workgroup for each:
// passes of small radices after Stockham, which need no reordering. The file that includes this
// says what the values are: source(i). Govindaraju et al. High Performance Discrete Fourier
// Transforms on Graphics Processors. 2008, section 4.
#ifndef KILN_FFT_GLSL
#define KILN_FFT_GLSL
#extension GL_EXT_control_flow_attributes : require

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint POINTS = 512;
layout(constant_id = 2) const uint RADICES = 0x888;   // four bits a pass, the first one's lowest
layout(constant_id = 3) const uint PASSES = 3;
layout(set = 0, binding = 1) readonly buffer Roots { vec2 roots[]; };   // exp(-pi i k / POINTS)

shared vec2 lines[2 * POINTS];

vec2 source(uint i);

vec2 product(vec2 a, vec2 b) { return vec2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
vec2 turned(vec2 a) { return vec2(a.y, -a.x); }   // times -i

void transform4(inout vec2 a, inout vec2 b, inout vec2 c, inout vec2 d) {
    vec2 s = a + c, t = a - c, u = b + d, w = turned(b - d);
    a = s + u, b = t + w, c = s - u, d = t - w;
}

void transform8(inout vec2 v[8]) {
    transform4(v[0], v[2], v[4], v[6]);
    transform4(v[1], v[3], v[5], v[7]);
    const float half_root = 0.70710678118654752;
    vec2 even[4] = vec2[](v[0], v[2], v[4], v[6]);
    vec2 odd[4] = vec2[](v[1], half_root * (v[3] + turned(v[3])), turned(v[5]),
                         half_root * (turned(v[7]) - v[7]));
    [[unroll]] for (uint k = 0; k < 4; k++) v[k] = even[k] + odd[k], v[k + 4] = even[k] - odd[k];
}

// Of 3, 5 or 7 values: cosines weigh the sums of opposite ones, sines their differences.
void transform_odd(uint radix, inout vec2 v[8]) {
    vec2 sums[4], differences[4], first = v[0];
    [[unroll]] for (uint p = 1; p <= radix / 2; p++) {
        sums[p] = v[p] + v[radix - p], differences[p] = v[p] - v[radix - p];
        v[0] += sums[p];
    }
    [[unroll]] for (uint k = 1; k <= radix / 2; k++) {
        vec2 even = first, odd = vec2(0.0);
        [[unroll]] for (uint p = 1; p <= radix / 2; p++) {
            vec2 root = roots[k * p % radix * (2 * POINTS / radix)];
            even += root.x * sums[p], odd -= root.y * differences[p];
        }
        v[k] = even + turned(odd), v[radix - k] = even - turned(odd);
    }
}

void transform(uint radix, inout vec2 v[8]) {
    switch (radix) {
        case 2u: v = vec2[](v[0] + v[1], v[0] - v[1], v[2], v[3], v[4], v[5], v[6], v[7]); break;
        case 4u: transform4(v[0], v[1], v[2], v[3]); break;
        case 8u: transform8(v); break;
        case 3u: transform_odd(3, v); break;
        case 5u: transform_odd(5, v); break;
        case 7u: transform_odd(7, v); break;
    }
}

// One pass over transforms of `done` values each, from one half of the lines to the other.
void transform_pass(uint radix, uint done, uint from, uint to) {
    const uint apart = POINTS / radix, step_ = 2 * apart / done;
    for (uint i = gl_LocalInvocationID.x; i < apart; i += gl_WorkGroupSize.x) {
        vec2 v[8];
        uint k = i % done;
        [[unroll]] for (uint r = 0; r < radix; r++)
            v[r] = done == 1 ? source(i + r * apart) : lines[from + i + r * apart];
        if (done > 1)
            [[unroll]] for (uint r = 1; r < radix; r++) v[r] = product(v[r], roots[r * k * step_]);
        transform(radix, v);
        uint at = to + (i - k) * radix + k;
        [[unroll]] for (uint r = 0; r < radix; r++) lines[at + r * done] = v[r];
    }
    barrier();
}

// Transforms the source; returns where in `lines` the result begins.
uint transform_source() {
    uint done = 1, to = 0;
    [[unroll]] for (uint pass = 0; pass < PASSES; pass++) {
        const uint radix = RADICES >> 4 * pass & 15;
        transform_pass(radix, done, POINTS - to, to);
        done *= radix, to = POINTS - to;
    }
    return POINTS - to;
}

#endif
