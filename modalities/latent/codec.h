// Latents to what they stand for (a picture, a spectrogram, a waveform) and back, one sample at a
// time, as Networks calls it. Sizes are those of a plane [height, width]; what has one axis only is
// one wide.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "modalities/latent/resident.h"
#include "runtime/graph/graph.h"

namespace kiln {

// What the encoder says of a sample: a normal distribution a latent value, [c, h, w].
struct LatentDistribution {
    std::vector<float> mean, deviation;
};

class LatentCodec : public Resident {
public:
    struct Factors {   // of a latent's sides to its sample's
        int height, width;
    };
    virtual Factors factors() const = 0;

    // One latent [c, h, w] as the denoiser knows it to [h * factor, w * factor, channels]. `tile`:
    // the side of the tiles of the result to do it in, 0: as a whole. What overflows in half
    // precision is computed again in f32, and in f32 is Status::not_finite.
    virtual std::vector<float> decode(std::span<const float> latent, int height, int width,
                                      DType dtype, int tile,
                                      const std::function<bool()>& cancelled) = 0;
    // A sample [h, w, channels], without the denoiser's scale.
    virtual LatentDistribution encode(std::span<const float> values, int height, int width,
                                      int tile, const std::function<bool()>& cancelled) = 0;
    // Of decoding such a latent in f32, if released.
    virtual GraphNeeds needs(int height, int width) = 0;
};

}   // namespace kiln
