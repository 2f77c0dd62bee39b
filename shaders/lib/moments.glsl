// Mean and sum of squared deviations from it, of four columns.
// Chan, Golub, LeVeque. Updating Formulae and a Pairwise Algorithm for Computing Sample Variances.
// 1979. Equation 2.1.
#ifndef KILN_MOMENTS_GLSL
#define KILN_MOMENTS_GLSL

struct Moments {
    float count;
    vec4 mean, squares;
};
const Moments kNoMoments = Moments(0.0, vec4(0.0), vec4(0.0));

Moments joined(Moments a, Moments b) {
    float count = max(a.count + b.count, 1.0);
    vec4 delta = b.mean - a.mean;
    return Moments(a.count + b.count, a.mean + delta * (b.count / count),
                   a.squares + b.squares + delta * delta * (a.count * b.count / count));
}

// With one more value of each.
Moments joined(Moments a, vec4 value) { return joined(a, Moments(1.0, value, vec4(0.0))); }

#endif
