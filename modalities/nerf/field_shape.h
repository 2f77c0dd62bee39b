// A radiance field as a shape that a prior makes: modalities/splat/distillation/representation.h.
// Source: Poole, Jain, Barron, Mildenhall. DreamFusion: Text-to-3D using 2D Diffusion. 2023,
// section 3.
#pragma once
#include <functional>

#include "modalities/nerf/field_solid.h"
#include "modalities/nerf/occupancy.h"
#include "modalities/splat/distillation/representation.h"

namespace kiln {

struct FieldShapeOptions {
    FieldOptions field{
        .half = 0.6, .entries = 15, .coarsest = 8, .finest = 128, .directional = false};
    AdamOptions adam;
    MarchOptions march{.steps = 96, .cells = 48};   // but its rays, which follow from `side`
    double ball = 0.5;   // radius around the cube's middle within which it is, metres
    int side = 64;       // pixels of the largest pictures that are drawn; larger ones are enlarged
    float rate = 5e-3f, rate_end = 1e-3f;   // of the first step and of the last, exponentially
    uint32_t refresh_from = 48, refresh_every = 16;   // steps: of the occupancy grid
    uint32_t splats = 20000;                          // that it becomes, at most
    uint64_t seed = 0;                                // of the field, its samples and the splats
    std::function<bool()> cancelled;   // asked between steps of the fit that makes splats
};

class FieldShape : public Representation {
public:
    // Status::usage for options that make no sense.
    static Result<std::unique_ptr<FieldShape>> create(std::shared_ptr<Device> device,
                                                      const FieldShapeOptions& options);
    ~FieldShape() override;

    Result<std::vector<float>> draw(size_t view, const Camera& camera, int size) override;
    Result<void> differentiate(size_t view, std::span<const float> slopes, float weight) override;
    Result<void> step(int done, int steps) override;
    // Fitted to pictures of the field from all around, unless the run is cancelled, now or before:
    // then as the field places them.
    Result<Splats> splats() override;
    FieldSolid solid();   // this outlives it
    Result<void> save(const std::string& path, uint64_t fingerprint) const override;
    Result<int> resume(const std::string& path, uint64_t fingerprint, int steps) override;

private:
    struct State;
    explicit FieldShape(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
