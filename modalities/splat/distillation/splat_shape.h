// A shape of splats, as they follow a prior.
// Source: Tang, Ren, Zhou, Liu, Zeng. DreamGaussian: Generative Gaussian Splatting for Efficient 3D
// Content Creation. 2024, section 3.1.
#pragma once
#include "modalities/splat/distillation/representation.h"
#include "modalities/splat/distillation/shape_settings.h"

namespace kiln {

class SplatShape : public Representation {
public:
    // To be drawn at this size first. Status::usage: no splat, more to begin with than at the end,
    // growth or pictures that make no sense.
    static Result<std::unique_ptr<Representation>> create(std::shared_ptr<Device> device,
                                                          const ShapeSettings& settings, int size);
    ~SplatShape() override;

    Result<std::vector<float>> draw(size_t view, const Camera& camera, int size) override;
    Result<void> differentiate(size_t view, std::span<const float> slopes, float weight) override;
    Result<void> step(int done, int steps) override;
    Result<Splats> splats() override;
    Result<std::vector<ReferenceLoss::Quality>> compare() override;
    Result<void> save(const std::string& path, uint64_t fingerprint) const override;
    Result<int> resume(const std::string& path, uint64_t fingerprint, int steps) override;

private:
    struct State;
    explicit SplatShape(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}   // namespace kiln
