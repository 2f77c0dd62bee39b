// What a prompt says of the side that a view shows, so that a shape has one front only.
// Sources: Poole et al. DreamFusion, 2023, section 3.2 (view words); Armandpour et al. Re-imagine
// the Negative Prompt Algorithm. 2023, section 4 and its code's weights (interpolation, Perp-Neg).
#pragma once
#include <array>
#include <string>
#include <vector>

#include "modalities/diffusion/distillation.h"
#include "modalities/splat/orbit.h"

namespace kiln {

// The words of each view; "%" in them is where the prompt goes. Sides are named by where the front
// of the thing is in the picture: without that word each may face either way, and a shape gets two
// fronts. From azimuths above 0 it is on the left.
struct ViewWords {
    std::string front = "%, front view", left = "%, side view facing left",
                right = "%, side view facing right", back = "%, back view",
                overhead = "%, overhead view";
};

struct ViewTextOptions {
    ViewWords words;
    double overhead_from = 60;   // elevation, degrees; from there on azimuths do not count
    double repel = 1;            // times Perp-Neg's weights; 0: no Perp-Neg
};

// The embeddings of a prompt from all sides.
class ViewTexts {
public:
    static Result<ViewTexts> embed(Prior& prior, const std::string& prompt,
                                   const std::optional<std::string>& negative,
                                   const ViewTextOptions& options = {});

    // Of a view. Between front, side and back `mixed` becomes the blend of the nearest two, and
    // must live as long as the result.
    ViewText operator()(const Orbit& orbit, PromptEmbedding& mixed) const;

private:
    ViewTextOptions options_;
    PromptEmbedding front_, left_, right_, back_, overhead_, unconditional_;
};

// The share of the front (|azimuth| <= 90 degrees) or of the side (beyond) in a view's text; the
// rest is the side's or the back's.
double nearer_share(double azimuth);

}   // namespace kiln
