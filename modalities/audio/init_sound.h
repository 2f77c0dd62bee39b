// A run that starts from a sound: audio to audio (Meng et al. SDEdit. 2022; Liu et al. AudioLDM.
// 2023, section 4), and making parts of it anew or going on after its end (Lugmayr et al. RePaint.
// 2022, equation 8).
#pragma once
#include <functional>
#include <vector>

#include "modalities/audio/pipeline.h"
#include "modalities/diffusion/latent.h"
#include "modalities/latent/autoencoder.h"

namespace kiln {

// Where the sound lies in latents: all that a run knows of its size.
struct SoundLayout {
    int sample_rate, hop;   // samples a latent
    int latents, bands;     // [c, latents, bands]
    int64_t samples;        // of what is asked for
};

class InitSound {
public:
    // Mono samples at the model's rate to the encoder's distribution over all latents.
    using Encode = std::function<LatentDistribution(std::span<const float> samples)>;

    // Draws from the generator as diffusers' image pipelines do: the latent, then the noise.
    // `repaint` beyond the sound or empty is Status::usage.
    InitSound(const AudioRequest& request, const SoundLayout& layout);

    double strength() const { return strength_; }
    void encode(const Encode& encode, const Autoencoder& vae, int samples, NoiseSource& noise);
    // x at the level of the sampler's first step.
    void start(const Sampler& sampler, Latent& x) const;
    // Whether blend() must follow every step: what is kept goes back to the noised sound.
    bool blends() const { return !mask_.empty(); }
    void blend(const Sampler& sampler, Latent& x) const;
    // A finished waveform as loud as the sound, with the parts that are kept from it.
    void finish(std::vector<float>& waveform) const;

private:
    void choose_part(const AudioRequest& request);

    SoundLayout layout_;
    double strength_;
    std::vector<float> sound_;    // mono at the model's rate; the end of it may be missing
    int64_t from_ = 0, to_ = 0;   // samples that are made anew; none: all are, from the sound
    float gain_ = 1;              // from the sound to what the model hears
    float offset_ = 0;
    std::vector<float> mask_;   // a latent along the time: 1 is made anew; empty: all are
    Latent latent_, noise_;     // [n, c, latents, bands]
};

}   // namespace kiln
