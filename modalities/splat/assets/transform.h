// Splats turned, scaled and moved, and several clouds as one.
#pragma once
#include <array>

#include "modalities/splat/splats.h"

namespace kiln {

// x becomes scale * turn * x + move.
struct Similarity {
    std::array<double, 9> turn = {1, 0, 0, 0, 1,
                                  0, 0, 0, 1};   // orthogonal, row by row; may mirror
    double scale = 1;                            // > 0
    std::array<double, 3> move = {0, 0, 0};
};

// What looked like something from a direction looks the same from the direction turned.
void transform(Splats& splats, const Similarity& by);

// The 16 functions Y_k of splats.h at a unit direction, up to a degree.
void sh_basis(const double direction[3], int degree, double* y);

void limit_degree(Splats& splats, int degree);   // leaves out what is above
void append(Splats& to, const Splats& more);     // at the higher degree of the two

}   // namespace kiln
