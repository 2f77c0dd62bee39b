// Moves splats along their gradients on the device.
// Source: Kingma, Ba. Adam: A Method for Stochastic Optimization. 2015, algorithm 1, with a rate
// for each kind of parameter as in Kerbl et al. 3D Gaussian Splatting, 2023, section 7.1, and the
// noise of Kheradmand et al. 3D Gaussian Splatting as Markov Chain Monte Carlo, 2024, section 3.2.
//
// A step is
//     rasteriser.draw(view); ...slopes...; rasteriser.differentiate(); optimiser.add(rasteriser);
// once or, for a batch, several times, and then optimiser.step(rasteriser).
//
// What is finite stays finite: a splat with a gradient that is not, or is beyond 1e18, does not
// change in that step; log-scales and logits stay within what files hold; quaternions keep a
// length. Splats outside the picture move on by their moments. Two runs give the same bits.
#pragma once
#include <memory>
#include <vector>

#include "modalities/splat/raster/rasteriser.h"

namespace kiln {

// How far a step goes where gradients agree from step to step.
struct LearningRates {
    float means = 1.6e-4f, means_end = 1.6e-6f;   // times the extent; from one to the other
    uint32_t means_steps = 30000;                 // exponentially within so many steps
    float log_scales = 5e-3f, quaternions = 1e-3f, logits = 5e-2f;
    float dc = 2.5e-3f, harmonics = 1.25e-4f;   // the constant one and the others
};

struct OptimiserOptions {
    LearningRates rates;
    float extent = 1;   // of the scene: the radius in which its cameras or its splats are
    float beta1 = 0.9f, beta2 = 0.999f, epsilon = 1e-15f;
    // Added to the loss: these times the mean of all opacities, and of all scales.
    float opacity_weight = 0, scale_weight = 0;
    // After each step, noise on the means of what is nearly transparent, times their rate; 5e5 is
    // usual with the rate above. 0: none.
    float noise = 0;
    uint64_t seed = 0;   // of the noise
    float box = 0;       // means stay in [-box, box]^3; 0: anywhere
    float least_log_scale = -30, most_log_scale = 30, most_logit = 30;
};

class Optimiser {
public:
    // Status::usage for rates and other options that are not finite or below 0.
    static Result<Optimiser> create(std::shared_ptr<Device> device, const SplatSections& sections,
                                    const OptimiserOptions& options = {});
    Optimiser(Optimiser&&) noexcept;
    Optimiser& operator=(Optimiser&&) noexcept;
    ~Optimiser();

    // Adds `weight` times the rasteriser's gradient() to what the next step goes by. Any of the
    // rasterisers with sections like those here, of pictures of any size.
    Result<void> add(const Rasteriser& rasteriser, float weight = 1);
    // Changes the rasteriser's parameters(), those of its first count() splats. The first step
    // after create() is number 1. At least one add() comes before.
    Result<void> step(const Rasteriser& rasteriser);

    uint32_t steps() const;     // so far
    float means_rate() const;   // of the next step, with schedule and extent
    const OptimiserOptions& options() const;
    Result<void> set_options(const OptimiserOptions& options);   // from the next step on

    // What a step depends on besides parameters and gradients, splat by splat; for densification
    // and for saving.
    struct Memory {
        uint32_t steps = 0;
        Splats first, second;                   // moments, in the places of their parameters
        std::vector<float> lengths, pictures;   // [n]: see read()
    };
    // Of the first `count` splats. `lengths` are sums, over the `pictures` added so far that showed
    // the splat, of the gradient by its centre; the centre as Kerbl et al. measure it, from -1 to 1
    // across the picture.
    Result<Memory> read(size_t count) const;
    // Status::usage if arrays do not fit. Splats beyond those given have no moments.
    Result<void> write(const Memory& memory);
    Result<void> forget_lengths();   // starts those sums again

private:
    struct State;
    explicit Optimiser(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
