// What the attention kernels have in common. Softmax is computed with powers of two: scores come
// times log2(e).
#ifndef KILN_ATTENTION_GLSL
#define KILN_ATTENTION_GLSL
#include "lib/format.glsl"

layout(push_constant) uniform Args {
    uint queries, keys, heads, images;
    uint pitch_q, pitch_k, pitch_v;                   // between rows, in fours
    uint base_q, base_k, base_v;                      // where the first row begins, in fours
    uint bias_image, bias_head;                       // strides in elements, 0 to broadcast
    uint part_keys;                                   // what a part of the keys holds
    float scale;
};

const float kLog2E = 1.44269504;
const float kLow = -1e30;                             // below every score; a maximum begins here
const float kHidden = -1e38;   // the score of a key that a query must not see

#endif
