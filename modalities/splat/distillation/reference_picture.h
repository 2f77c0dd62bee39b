// Pictures that a shape looks like from known sides, while a prior decides on its other sides.
// Sources: Tang et al. DreamGaussian. 2024, section 3.1, equation 5 (colour and alpha at the given
// view, more and more of them); Qian et al. Magic123. 2023, section 3.1 (their weights); the colour
// loss is that of losses.h.
//
// Behind the shape and its picture is another colour in each step, so that alpha is learnt from
// colours, too.
#pragma once
#include <memory>
#include <vector>

#include "modalities/splat/fit/initial.h"
#include "modalities/splat/fit/losses.h"
#include "modalities/splat/fit/optimiser.h"
#include "modalities/splat/orbit.h"
#include "runtime/io/image.h"

namespace kiln {

struct ReferencePicture {
    Orbit orbit;         // where from
    Image image;         // square RGBA, colours multiplied by alpha: see cut_out.h
    double weight = 1;   // times the loss
};

struct ReferenceOptions {
    // Times the loss, from the first step to the last.
    double weight_begin = 1e3, weight_end = 1e4;
    LossOptions loss{.ssim = 0.2f, .alpha = 1};
    uint64_t seed = 0;   // of the colours behind
    bool antialiased = false;
};

// What a step draws behind the shape and its picture.
std::array<float, 3> colour_behind(const ReferenceOptions& options, int step);

class ReferenceLoss {
public:
    // All pictures are of the same size. Status::usage: no picture, one that is not as above, of
    // less than 16 pixels a side, a camera that is not finite or sees nothing, or weights that are
    // below 0 or not finite.
    static Result<ReferenceLoss> create(std::shared_ptr<Device> device,
                                        std::vector<ReferencePicture> pictures,
                                        const ReferenceOptions& options = {});
    ReferenceLoss(ReferenceLoss&&) noexcept;
    ReferenceLoss& operator=(ReferenceLoss&&) noexcept;
    ~ReferenceLoss();

    // Draws the splats of `shape` from where one of the pictures was taken, a picture a step in
    // their order, and adds the gradient of its loss to the optimiser's next step. `share` of all
    // steps are done. Depends on nothing else that came before.
    Result<void> add(const Rasteriser& shape, Optimiser& optimiser, int step, double share);

    struct Quality {
        double psnr;      // decibels, over the channels of pixels that the picture's alpha weighs
        double overlap;   // of alphas: sum of their minimum over that of their maximum
    };
    Result<std::vector<Quality>> compare(const Rasteriser& shape);   // of each picture

private:
    struct State;
    explicit ReferenceLoss(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

uint64_t fingerprint_of(const std::vector<ReferencePicture>& pictures, uint64_t hash);

// `n` splats where all pictures show the object, within a ball around the origin, of the colour
// that the picture has there which looks at them most from outside. What the pictures have no such
// place for lies anywhere in the ball, gray. The same seed gives the same ones.
Splats splats_in_view(size_t n, double ball, const std::vector<ReferencePicture>& pictures,
                      uint64_t seed, const InitialOptions& options = {});

}   // namespace kiln
