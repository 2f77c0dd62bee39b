// Gradients by pictures' latents that make them more probable under a prior and a prompt.
// Sources: Poole, Jain, Barron, Mildenhall. DreamFusion: Text-to-3D using 2D Diffusion. 2023,
// equation 3 (SDS); Liang, Yang, Lin, Li, Xu, Chen. LucidDreamer: Towards High-Fidelity Text-to-3D
// Generation via Interval Score Matching. 2024, equations 11 to 17 (ISM); Armandpour, Sadeghian,
// Zheng, Sadeghian, Zhou. Re-imagine the Negative Prompt Algorithm. 2023, algorithm 1 (Perp-Neg).
#pragma once
#include <span>
#include <vector>

#include "modalities/diffusion/prior.h"

namespace kiln {

// What a view should show. Pointers outlive the call.
struct ViewText {
    struct Avoided {
        const PromptEmbedding* text;
        double weight;   // how much of its direction is added; below 0 to go away from it
    };
    const PromptEmbedding* wanted;
    const PromptEmbedding* unconditional;   // or the negative prompt
    std::vector<Avoided> avoided;           // what of them is not along `wanted`: Perp-Neg
};

// w(t): 1 - alpha_bar (DreamFusion's); 1; sqrt(alpha_bar) (1 - alpha_bar), which favours the
// middle of the schedule (Chen et al. Fantasia3D. 2023).
enum class DistillationWeight { noise, uniform, middle };
double weight_of(DistillationWeight weight, double alpha_bar);

// Timesteps are drawn evenly from a range, as shares of the schedule, that moves from `begin` to
// `end`. Both of one value: no chance is left (DreamGaussian; by square_root: Zhu et al. HiFA.
// 2024, section 3.3).
struct TimestepRange {
    double low, high;
};
struct TimestepAnnealing {
    TimestepRange begin{0.98, 0.98}, end{0.02, 0.02};
    bool square_root = false;   // moves by the square root of the time that has passed
    double until = 1;           // share of all steps after which `end` holds

    TimestepRange range(double done) const;   // done: share of all steps
    // For a number u in [0, 1), of a schedule with so many timesteps.
    int timestep(double done, double u, int timesteps) const;
};

struct DistillationOptions {
    enum class Method { sds, ism };
    Method method = Method::sds;
    double cfg = 100;   // s of e_u + s (e_c - e_u)
    DistillationWeight weight = DistillationWeight::noise;
    double clamp = 0;   // no value of the gradient is larger; 0: as it comes
    // Of ISM, in timesteps: from s to t, and between the inversion's steps up to s.
    int interval = 80, inversion = 200;
};

struct NoisyView {
    std::span<const float> latent;   // z
    int timestep;
    std::span<const float> noise;   // standard normal, as many values
    ViewText text;
};

// w(t) (e(x_t) - e) by each view's latent, e(x_t) being guided_noise(); for ISM, e is what the
// network predicts without text an interval before t on the way from z to x_t. All evaluations at a
// level run together. Errors: those of the prior; not_finite where a gradient is not.
Result<std::vector<Latent>> distil(Prior& prior, const DistillationOptions& options,
                                   std::span<const NoisyView> views);

// The noise in x at this level, by what the network predicted.
Latent noise_in(Prediction prediction, std::span<const float> x, std::span<const float> predicted,
                double alpha_bar);

// e_u + s (d + sum_i w_i perp(d_i, d)), with d = e_wanted - e_u, d_i = e_avoided_i - e_u and
// perp(a, d) = a - (a . d / d . d) d.
Latent guided_noise(double cfg, std::span<const float> unconditional, std::span<const float> wanted,
                    std::span<const Latent> avoided, std::span<const ViewText::Avoided> weights);

}   // namespace kiln
