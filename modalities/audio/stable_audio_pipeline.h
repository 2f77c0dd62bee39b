// Stable Audio Open from request to waveform: a transformer on latents of stereo sound, told what
// and how long, and the autoencoder of waveforms. Evans et al. Stable Audio Open. 2024. The latents
// are always as many as the model was trained on; a shorter sound is their beginning.
#pragma once
#include "modalities/audio/audio_model.h"
#include "modalities/audio/init_sound.h"
#include "modalities/audio/stable_audio_checkpoint.h"
#include "modalities/audio/stable_audio_conditioning.h"
#include "modalities/audio/waveform_autoencoder.h"
#include "modalities/latent/networks.h"

namespace kiln {

// Of a folder. Throws ResultError.
AudioCheckpoint open_stable_audio_checkpoint(const std::string& path, const AudioOptions& options);

// The transformer behind the seam of the denoising loop, for latents [n, t, 1, channels]; its
// conditions are "context" and "global". What it claims from the files is added to `claimed`.
DenoiserNetwork stable_audio_network(const std::shared_ptr<Device>& device,
                                     const CheckpointPart& part, const StableAudioConfig& config,
                                     std::unordered_set<std::string>& claimed);

class StableAudioPipeline : public AudioModel {
public:
    StableAudioPipeline(std::shared_ptr<Device> device, StableAudio model,
                        const AudioOptions& options);

    const AudioInfo& info() const override { return info_; }
    std::vector<AudioTake> run(const AudioRequest& request, const AudioEvents& events) override;

private:
    SoundLayout layout(const AudioRequest& request) const;
    Conditioning encode(const std::string& prompt, double seconds, const AudioEvents& events);
    DenoiserJob job(const AudioRequest& request, const AudioEvents& events);
    void begin(int latents);
    Latent denoise(const AudioRequest& request, const DenoiserJob& job, int first,
                   std::optional<InitSound>& init, const AudioEvents& events);
    Sound decode(std::span<const float> latent, const SoundLayout& layout, DType dtype,
                 const AudioEvents& events);

    std::shared_ptr<Device> device_;
    AudioOptions options_;
    StableAudio model_;
    AudioInfo info_;
    DType dtype_;
    std::unordered_set<std::string> claimed_;
    std::shared_ptr<Workspace> workspace_;
    StableAudioConditioner text_;
    LatentDenoiser denoiser_;
    WaveformAutoencoder vae_;
    Networks networks_;
};

}   // namespace kiln
