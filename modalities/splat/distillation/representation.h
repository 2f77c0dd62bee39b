// What a prior gives a shape to: something that is drawn from cameras and follows the gradients of
// what was drawn. Splats do (splat_shape.h), and radiance fields (modalities/nerf/field_shape.h).
//
// A step is draw() of some views, differentiate() of each, and step().
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "modalities/splat/camera.h"
#include "modalities/splat/distillation/reference_picture.h"
#include "modalities/splat/splats.h"

namespace kiln {

class Representation {
public:
    virtual ~Representation() = default;

    // f32 [size, size, 8], as Rasteriser::read_image(), before nothing. Views are numbered from 0.
    virtual Result<std::vector<float>> draw(size_t view, const Camera& camera, int size) = 0;
    // Adds `weight` times the gradient of a loss to what the next step goes by, given its slopes by
    // what this view was drawn as last.
    virtual Result<void> differentiate(size_t view, std::span<const float> slopes,
                                       float weight) = 0;
    // After `done` of so many steps.
    virtual Result<void> step(int done, int steps) = 0;

    virtual Result<Splats> splats() = 0;
    // How like given pictures it is; none where it was given none.
    virtual Result<std::vector<ReferenceLoss::Quality>> compare() {
        return std::vector<ReferenceLoss::Quality>();
    }

    // Atomically, with a fingerprint of what the run is for.
    virtual Result<void> save(const std::string& path, uint64_t fingerprint) const = 0;
    // How many steps were done. Status::bad_file, and all is as before, for what is no such file or
    // has another fingerprint or more steps.
    virtual Result<int> resume(const std::string& path, uint64_t fingerprint, int steps) = 0;
};

}   // namespace kiln
