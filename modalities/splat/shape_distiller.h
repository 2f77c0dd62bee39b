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
#include "modalities/splat/growth.h"
#include "modalities/splat/initial.h"
#include "modalities/splat/optimiser.h"
#include "modalities/splat/orbit_sampler.h"
#include "modalities/splat/reference_picture.h"
#include "modalities/splat/view_words.h"
#include "runtime/io/image.h"

namespace kiln {

struct ShapeSettings {
    int steps = 500;
    int batch = 1;                                // views a step
    uint32_t splats = 4000;                       // at most
    uint32_t first = 0;                           // to begin with; 0: all of them
    GrowthOptions growth{.kind = Growth::none};   // but its `most`, which is `splats`
    double ball = 0.5;                            // radius of the ball that they begin in
    InitialOptions initial;
    int strata = 8;   // of azimuths
    OrbitRanges views;
    Backdrops backdrops;
    ViewTextOptions text;
    DistillationOptions distillation;
    TimestepAnnealing timesteps;
    // Added to the loss: this times the mean of sqrt(alpha^2 + 0.01) over the picture, against fog
    // (Guo et al. threestudio. 2023).
    double sparsity = 0;
    // Added in the second half of the steps: this times the mean binary entropy of alpha, so that
    // pixels are of the shape or not (there too: opaque).
    double decided = 0;
    // Until this share of the steps, latents are those of a linear map that stands for the prior's
    // encoder (learned_encoder.h): a small part of the work. Without effect where there is none.
    double linear_until = 1;
    // Shares of the steps that are drawn at a half and at a quarter of the prior's picture, first
    // the quarter.
    double quarter_until = 0, half_until = 0;
    // The shape begins where all of these show it, and looks like them from their sides.
    std::vector<ReferencePicture> pictures;
    ReferenceOptions reference;   // but its seed and whether it is antialiased, which are these:
    bool antialiased = false;     // see Splats; viewers take it for granted that it is not
    OptimiserOptions optimiser;
    uint64_t seed = 0;
};

class ShapeDistiller {
public:
    // The prior outlives this. Status::usage: settings that make no run.
    static Result<ShapeDistiller> create(std::shared_ptr<Device> device, Prior& prior,
                                         const ShapeSettings& settings, const std::string& prompt,
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
    int done() const;   // steps
    Result<Splats> splats() const;
    // A picture of them before gray, RGB, of the size of the last step's.
    Result<Image> picture(const Orbit& orbit);
    Result<std::vector<ReferenceLoss::Quality>> compare();   // with each of the settings' pictures

    // Atomically, so that an interrupted save leaves the previous file.
    Result<void> save(const std::string& path) const;
    // Continues what was saved, with the same bits as a run that was never interrupted. What is no
    // such file, is damaged, or comes from another prompt, seed or other settings of what is
    // random: Status::bad_file, and all is as before.
    Result<void> resume(const std::string& path);

private:
    struct State;
    explicit ShapeDistiller(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
