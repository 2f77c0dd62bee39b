// What the backward pass keeps of a pair, and then of a splat, delta being the splat's centre less
// the pixel's and e the slope of the loss by the exponent: sums of e, e delta (2), e delta delta^T
// (xx, xy, yy), and of the pixels' slopes times the splat's weight by red, green, blue, depth and
// normal (3).
#ifndef KILN_SPLAT_GRADIENT_GLSL
#define KILN_SPLAT_GRADIENT_GLSL

const uint kSums = 13u;

#endif
