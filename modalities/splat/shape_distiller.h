// From a prompt to a shape: splats whose pictures from all sides a prior finds probable.
// Source: Tang, Ren, Zhou, Liu, Zeng. DreamGaussian: Generative Gaussian Splatting for Efficient 3D
// Content Creation. 2024, section 3.1.
//
// A step draws the splats from random sides before a random backdrop, encodes the pictures, asks
// the prior for the gradient by the latents (modalities/diffusion/distillation.h), and follows it
// back to the splats.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modalities/diffusion/distillation.h"
#include "modalities/splat/backdrop.h"
#include "modalities/splat/optimiser.h"
#include "modalities/splat/orbit_sampler.h"
#include "modalities/splat/view_words.h"

namespace kiln {

struct ShapeSettings {
    int steps = 500;
    int batch = 1;   // views a step
    uint32_t splats = 4000;
    double ball = 0.5;           // radius of the ball that they begin in
    double first_scale = 0.03;   // and their radius there
    double opacity = 0.1;
    int strata = 8;   // of azimuths
    OrbitRanges views;
    Backdrops backdrops;
    ViewTextOptions text;
    DistillationOptions distillation;
    TimestepAnnealing timesteps;
    // Added to the loss: this times the mean of sqrt(alpha^2 + 0.01) over the picture, against fog
    // (Poole et al. 2023, appendix A.2's orientation of density towards little of it).
    double sparsity = 0;
    // Shares of the steps that are drawn at a half and at a quarter of the prior's picture, first
    // the quarter.
    double quarter_until = 0, half_until = 0;
    OptimiserOptions optimiser;
    uint64_t seed = 0;
};

// Splats spread evenly in a ball, gray, all alike but for where they are.
Splats ball_of_splats(const ShapeSettings& settings);

class ShapeDistiller {
public:
    // `encoder` is prior.encoder() or one that stands for it; both outlive this.
    static Result<ShapeDistiller> create(std::shared_ptr<Device> device, Prior& prior,
                                         PictureEncoder& encoder, const ShapeSettings& settings,
                                         const std::string& prompt,
                                         const std::optional<std::string>& negative = {});
    ShapeDistiller(ShapeDistiller&&) noexcept;
    ShapeDistiller& operator=(ShapeDistiller&&) noexcept;
    ~ShapeDistiller();

    struct Report {
        int step;   // finished ones
        int timestep;
        double gradient;   // root mean square of that by the latents
        double alpha;      // mean over the pictures
    };
    Result<Report> step();
    int done() const;
    Result<Splats> splats() const;

private:
    struct State;
    explicit ShapeDistiller(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
