// What the matrix product kernels have in common: the arguments, the map from a row of the product
// to input pixels, and the epilogue.
//
// D[row, column] = epilogue(alpha * sum over taps and channels of A[pixel(row, tap), channel] *
// B[tap * channels + channel, column]). A plain product is the case of one tap, where the rows are
// pixels in a line. All matrices are read and written in four-vectors along their last axis, so
// every extent, pitch and stride here that names elements counts them in fours, except `rows`.
#ifndef KILN_PRODUCT_GLSL
#define KILN_PRODUCT_GLSL
#include "lib/special.glsl"
#include "lib/storage.glsl"

layout(push_constant) uniform Args {
    uint rows, columns, channels;       // of D; of D in fours; of one tap in fours
    uint pitch_a, pitch_b, pitch_d;     // between pixels, rows of B and rows of D
    uint inner;                         // batch = outer * inner + index; strides of both follow
    uint base_a, base_b, base_d;        // where the first matrix begins
    uint outer_a, inner_a, outer_b, inner_b, outer_d, inner_d;
    float alpha;
    int in_size[3];                     // depth, height, width
    uint out_size[3];
    int window[3];                      // bits 0..15: taps, 16..31: padding before
    int step[3];                        // bits 0..7: stride, 8..15: upsampling, 16..31: dilation
    uint skip_b;                        // after the rows of a tap in B, to those of the next
};

uint taps(int axis) { return uint(window[axis]) & 0xffffu; }
uint tap_count() { return taps(0) * taps(1) * taps(2); }

// What the result is added to after the activation.
const uint kNone = 0, kSame = 1, kImage = 2;   // nothing; a tensor like D; a row for each image

// An output row as the pixel of the first tap, before padding is taken off.
struct Pixel {
    uint image;
    ivec3 at;
};

Pixel pixel_of(uint row) {
    uint x = row % out_size[2], rest = row / out_size[2];
    uint y = rest % out_size[1];
    rest /= out_size[1];
    uint z = rest % out_size[0];
    ivec3 stride = ivec3(step[0], step[1], step[2]) & 0xff;
    ivec3 pad = ivec3(window[0], window[1], window[2]) >> 16;
    return Pixel(rest / out_size[0], ivec3(z, y, x) * stride - pad);
}

// The index of a tap's pixel in A, in pixels; negative where it lies in the padding or, with
// upsampling (a transposed convolution), between the pixels. Its dilation is negative then.
int tap_of(Pixel pixel, uvec3 tap) {
    ivec3 steps = ivec3(step[0], step[1], step[2]), up = steps >> 8 & 0xff;
    ivec3 at = pixel.at + ivec3(tap) * (steps >> 16);
    ivec3 size = ivec3(in_size[0], in_size[1], in_size[2]);
    if (any(lessThan(at, ivec3(0))) || any(greaterThanEqual(at, size * up))) return -1;
    ivec3 source = at;
    if (up != ivec3(1)) {
        source = at / up;
        if (source * up != at) return -1;
    }
    return ((int(pixel.image) * size.x + source.x) * size.y + source.y) * size.z + source.z;
}

// Where the row of kImage that a row of D takes begins.
uint image_row(uint row) { return row / (out_size[0] * out_size[1] * out_size[2]) * pitch_d; }

#endif
