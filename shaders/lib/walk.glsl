// A mixed-radix counter over the axes of a tensor, fastest axis first. It divides once and then
// advances by a workgroup's width with carries: CPU drivers divide integers one lane at a time.
// `steps` are the digits of local_x. Needs args.extents and args.steps and a constant DIMS >= 1.
#ifndef KILN_WALK_GLSL
#define KILN_WALK_GLSL

uint digits[6];

void walk_to(uint unit) {
    for (uint d = 0u; d + 1u < DIMS; d++) {
        uint rest = unit / args.extents[d];
        digits[d] = unit - rest * args.extents[d];
        unit = rest;
    }
    digits[DIMS - 1u] = unit;
}

void walk_on() {
    uint carry = 0u;
    for (uint d = 0u; d < DIMS; d++) {
        uint digit = digits[d] + args.steps[d] + carry;
        carry = d + 1u < DIMS && digit >= args.extents[d] ? 1u : 0u;
        digits[d] = digit - carry * args.extents[d];
    }
}

uint walk_offset(uint strides[6]) {
    uint offset = 0u;
    for (uint d = 0u; d < DIMS; d++) offset += digits[d] * strides[d];
    return offset;
}

#endif
