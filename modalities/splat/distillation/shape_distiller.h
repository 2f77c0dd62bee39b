// From a prompt to a shape: splats, or another representation, whose pictures from all sides a
// prior finds probable. Source: Tang, Ren, Zhou, Liu, Zeng. DreamGaussian: Generative Gaussian
// Splatting for Efficient 3D Content Creation. 2024, section 3.1.
//
// A step draws the shape from random sides before a random backdrop, encodes the pictures, asks
// the prior for the gradient by the latents (modalities/diffusion/distillation.h), and follows it
// back to the shape.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "modalities/splat/distillation/representation.h"
#include "modalities/splat/distillation/shape_settings.h"
#include "runtime/io/image.h"

namespace kiln {

class ShapeDistiller {
public:
    // The prior outlives this. Without a shape it is of splats, as the settings say. Status::usage:
    // settings that make no run.
    static Result<ShapeDistiller> create(std::shared_ptr<Device> device, Prior& prior,
                                         const ShapeSettings& settings, const std::string& prompt,
                                         const std::optional<std::string>& negative = {},
                                         std::unique_ptr<Representation> shape = {});
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
    Result<Splats> splats();
    // A picture of it before gray, RGB, of the size of the last step's.
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
