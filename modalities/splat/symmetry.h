// Whether what a prompt says is its own mirror image, left for right, by what the prior draws of
// it.
//
// A prior that has no word for left and right draws sides that face either way. Seen from its left
// and from its right a shape then faces two ways at once, unless what holds for one side is held to
// for the other (ShapeSettings::symmetry). That is wrong for what has no such symmetry: a mug with
// one handle. Such a thing is lopsided in all pictures of its front and of its back.
#pragma once
#include <span>

#include "modalities/diffusion/prior.h"
#include "modalities/splat/view_words.h"

namespace kiln {

struct SymmetryOptions {
    int candidates = 6;      // pictures of the front, of the side and of the back
    int samples = 10;        // DDIM steps to each
    double cfg = 4;          // how strongly they follow the words
    double elevation = 14;   // degrees
    // Fronts and backs of what is symmetric are at most this much more lopsided than sides.
    double lopsided = 1.2;
};

// Compares the least lopsided front or back with the most lopsided side. Errors: those of the
// prior.
Result<bool> is_symmetric(Prior& prior, const ViewTexts& texts, const SymmetryOptions& options,
                          uint64_t seed);

// How far a latent is from its mirror image, up to a shift of one column, as a share of how far it
// is from what is at its border: 0 is symmetric.
double lopsidedness(const PriorInfo& info, std::span<const float> latent);

}   // namespace kiln
