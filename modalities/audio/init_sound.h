// A run that starts from a sound: audio to audio (Meng et al. SDEdit. 2022; Liu et al. AudioLDM.
// 2023, section 4), and making parts of it anew or going on after its end (Lugmayr et al. RePaint.
// 2022, equation 8).
#pragma once
#include <functional>
#include <vector>

#include "modalities/audio/pipeline.h"
#include "modalities/diffusion/latent.h"
#include "modalities/latent/codec.h"

namespace kiln {

// Where the sound lies in latents: all that a run knows of its size.
struct SoundLayout {
    int sample_rate, hop;   // samples a latent
    int latents, bands;     // [c, latents, bands]
    int64_t samples;        // of what is asked for, a channel
    int channels = 1;
};

// How a family hears the sound to start from.
struct Hearing {
    bool levelled = true;       // with its mean taken off, and its peak as AudioLDM was trained on
    bool noise_first = false;   // the noise of the first step is drawn before the latent
};

class InitSound {
public:
    // Frames at the model's rate, channels interleaved, to the encoder's distribution over all
    // latents.
    using Encode = std::function<LatentDistribution(std::span<const float> samples)>;
    // z as the autoencoder knows it to the latent of the denoiser, in place.
    using ToModel = std::function<void(std::span<float> z)>;

    // `repaint` beyond the sound or empty is Status::usage.
    InitSound(const AudioRequest& request, const SoundLayout& layout, const Hearing& hearing = {});

    double strength() const { return strength_; }
    void encode(const Encode& encode);   // before the first batch
    // The latents and the noise of a batch.
    void draw(int samples, NoiseSource& noise, const ToModel& to_model = {});
    // x at the level of the sampler's first step.
    void start(const Sampler& sampler, Latent& x) const;
    // Whether blend() must follow every step: what is kept goes back to the noised sound.
    bool blends() const { return !mask_.empty(); }
    void blend(const Sampler& sampler, Latent& x) const;
    // A finished waveform, as loud as the sound where that was levelled, with the parts that are
    // kept from it.
    void finish(std::vector<float>& waveform) const;

private:
    void choose_part(const AudioRequest& request);

    SoundLayout layout_;
    Hearing hearing_;
    double strength_;
    std::vector<float> sound_;    // frames at the model's rate; the end of it may be missing
    int64_t from_ = 0, to_ = 0;   // frames that are made anew; none: all are, from the sound
    float gain_ = 1;              // from the sound to what the model hears
    float offset_ = 0;
    LatentDistribution heard_;
    std::vector<float> mask_;   // a latent along the time: 1 is made anew; empty: all are
    Latent latent_, noise_;     // [n, c, latents, bands]
};

}   // namespace kiln
