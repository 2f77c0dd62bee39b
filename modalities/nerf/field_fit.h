// Fits a radiance field to pictures whose cameras are known, step by step.
// Source: Mildenhall et al. NeRF. 2020, section 5; Mueller et al. Instant Neural Graphics
// Primitives. 2022, section 5.4.
//
// A step takes pixels of all pictures by chance, as many as have about so many samples along their
// rays, before backgrounds by chance where the pictures have alpha, and goes by the mean squared
// difference of their colours. Two runs on the same device and driver give the same bits, as does
// one that goes on from what another with the same views, field and cells saved between two steps.
#pragma once
#include <memory>
#include <vector>

#include "modalities/nerf/occupancy.h"
#include "modalities/splat/fit/fit.h"

namespace kiln {

struct FieldFitOptions {
    FieldOptions field;   // its cube holds what is to be seen
    AdamOptions adam;
    MarchOptions march;   // but its rays and samples, which follow from what there is to fit
    uint32_t steps = 2000;
    uint32_t samples = 1 << 14;             // a step, about; 1024 to 65536
    float rate = 3e-2f, rate_end = 1e-3f;   // of the first step and of the last, exponentially
    std::array<float, 3> background{};      // of pictures without alpha, and to compare before
    // Samples begin this many times as far apart, 1 or more, halving every so many steps.
    float coarse = 4;
    uint32_t coarse_steps = 0;                        // 0: a tenth of the steps
    uint32_t refresh_from = 96, refresh_every = 16;   // steps: of the occupancy grid
    uint64_t seed = 0;
};

class FieldFit {
public:
    // Status::usage: no view, a picture that is not one, a camera that is not finite, options that
    // make no sense; each naming what.
    static Result<FieldFit> create(std::shared_ptr<Device> device, std::vector<FitView> views,
                                   const FieldFitOptions& options);
    FieldFit(FieldFit&&) noexcept;
    FieldFit& operator=(FieldFit&&) noexcept;
    ~FieldFit();

    Result<void> step();
    bool done() const;
    uint32_t steps() const;
    double loss() const;     // of the last step: mean squared difference
    uint32_t rays() const;   // of the last step
    const std::vector<FitView>& views() const;
    double occupied() const;                   // share of the cube's cells
    std::span<const uint32_t> cells() const;   // a bit for each: Occupancy::bits()

    // Atomically, so that an interrupted save leaves the previous file.
    Result<void> save(const std::string& path) const;
    // Continues what was saved. What is no such file, is damaged, or comes from other views or
    // another field: Status::bad_file, and the fit is as before.
    Result<void> resume(const std::string& path);

    RadianceField& field();
    FieldRenderer& renderer();   // for pictures as large as the largest to learn from

    // f32 [height, width, 3] from any camera, no larger than the largest picture.
    Result<std::vector<float>> draw(const Camera& camera, int width, int height,
                                    const std::array<float, 3>& background);
    Result<Fit::Quality> compare(const FitView& view);   // as Fit::compare()

private:
    struct State;
    explicit FieldFit(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
