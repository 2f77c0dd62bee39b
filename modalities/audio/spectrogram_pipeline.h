// AudioLDM and AudioLDM 2 from request to waveform: a U-Net on latents of mel spectrograms, their
// autoencoder, and HiFi-GAN. Liu et al. AudioLDM: Text-to-Audio Generation with Latent Diffusion
// Models. 2023; AudioLDM 2: Learning Holistic Audio Generation with Self-supervised Pretraining.
// 2024.
#pragma once
#include "modalities/audio/audio_model.h"
#include "modalities/audio/checkpoint.h"
#include "modalities/audio/conditioning.h"
#include "modalities/audio/init_sound.h"
#include "modalities/audio/vocoder.h"
#include "modalities/latent/autoencoder.h"
#include "modalities/latent/networks.h"
#include "modalities/latent/windows.h"

namespace kiln {

// Of a folder, or a file of the authors'. Throws ResultError.
AudioCheckpoint open_spectrogram_checkpoint(const std::string& path, const AudioOptions& options);

class SpectrogramPipeline : public AudioModel {
public:
    SpectrogramPipeline(std::shared_ptr<Device> device, AudioLdm model,
                        const AudioOptions& options);

    const AudioInfo& info() const override { return info_; }
    std::vector<AudioTake> run(const AudioRequest& request, const AudioEvents& events) override;

private:
    SoundLayout layout(const AudioRequest& request) const;
    Windows windows(const AudioRequest& request, const SoundLayout& layout, int samples) const;
    DenoiserJob job(const AudioRequest& request, const SoundLayout& layout,
                    const AudioEvents& events);
    void begin(const AudioRequest& request, int latents);
    LatentDistribution hear(std::span<const float> samples, const AudioRequest& request,
                            const AudioEvents& events);
    Latent denoise(const AudioRequest& request, const SoundLayout& layout, const DenoiserJob& job,
                   int first, std::optional<InitSound>& init, const AudioEvents& events);
    std::vector<float> decode(std::span<const float> latent, const AudioRequest& request,
                              const SoundLayout& layout, DType dtype, const AudioEvents& events);
    std::vector<float> speak(std::span<const float> mel, const std::string& how,
                             const AudioEvents& events);
    std::vector<AudioTake> make(const AudioRequest& request, const SoundLayout& layout,
                                const AudioEvents& events);

    std::shared_ptr<Device> device_;
    AudioOptions options_;
    AudioLdm model_;
    AudioInfo info_;
    DType dtype_;
    std::unordered_set<std::string> claimed_;
    std::shared_ptr<Workspace> workspace_;
    std::unique_ptr<PromptEncoder> prompts_;
    LatentDenoiser denoiser_;
    Autoencoder vae_;
    Vocoder vocoder_;
    Networks networks_;
};

}   // namespace kiln
