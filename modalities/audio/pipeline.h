// Text to audio with latent diffusion models, from request to waveform. Liu et al. AudioLDM:
// Text-to-Audio Generation with Latent Diffusion Models. 2023. For equal weights, sampler and seed
// a sound is that of the pipelines in diffusers, which it follows in what it draws from the
// generator and when; but where diffusers' is a few samples shorter than asked for, this one is
// not.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/latent/run.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"
#include "runtime/io/audio.h"
#include "runtime/vk/device.h"

namespace kiln {

struct AudioOptions {
    std::string variant;     // "fp16": that form of the files; empty: the plain one, else any
    std::string tokenizer;   // a folder with RoBERTa's vocabulary, for models in one file
    Precision precision = Precision::automatic;
    LogSink log;   // warnings: tensors that nothing claims, prompts that are cut
};

// A part of a sound, in seconds from its beginning.
struct AudioSpan {
    double from = 0, to = 0;
};

struct AudioRequest {
    std::string prompt;
    std::optional<std::string> negative;   // none: the empty prompt
    double seconds = 0;                    // 0: of the sound to start from, else AudioInfo::seconds
    int steps = 0;                         // 0: AudioInfo::steps
    std::optional<double> cfg;             // 1 and less: no guidance; none: AudioInfo::cfg
    std::string sampler;                   // one of AudioInfo::samplers; empty: the model's own
    std::string schedule = "default";      // one of schedule_names()
    std::optional<double> eta;             // stochasticity of the samplers that have it
    uint64_t seed = 0;                     // of the first sound; the others have the next ones
    int count = 1;
    int batch = 1;   // sounds computed together; does not change them
    double guidance_rescale = 0;
    bool two_passes = false;     // guidance in two passes instead of one batch: less memory
    std::string rng = "torch";   // or "philox"
    // "model": its own network; "griffin-lim": none, which models of spectrograms alone have a use
    // for (modalities/audio/griffin_lim.h); "auto": what the model asks for, which is its network
    // unless its folder says otherwise.
    std::string vocoder = "auto";
    // The end goes over into the beginning. The length becomes a whole number of latents.
    bool loop = false;
    // Longer sounds are made in overlapping windows of so many seconds; 0: never; none: of
    // AudioInfo::window.
    std::optional<double> window;

    // Start from this sound, with this share of the steps (none: half of them, or all where parts
    // of it are kept). Any rate and number of channels: it is made what the model hears.
    std::optional<Sound> init;
    std::optional<double> strength;
    // Make only this part of it anew and keep the rest, sample by sample. What is asked for beyond
    // its end is made anew in any case: it goes on.
    std::optional<AudioSpan> repaint;
};

struct AudioEvents {
    StageProgress progress;
    std::function<bool()> cancelled;   // asked at least once a step
};

struct AudioTake {
    Sound sound;
    uint64_t seed;
};

struct AudioInfo {
    std::string family;    // what the checkpoint was recognised as
    int sample_rate;       // of what it makes,
    int channels = 1;      // and hears
    double seconds;        // trained on
    double longest;        // seconds that it can make
    double latent;         // seconds that one latent lasts
    double window;         // longer sounds are made in windows of so many seconds; 0: they are not
    std::string sampler;   // the model's own
    std::vector<std::string> samplers;   // that it can be run with
    int steps;                           // of denoising and
    double cfg;                          // guidance that suit it
};

class AudioModel;

class AudioPipeline {
public:
    // Reads the model and loads it onto the device; where that cannot hold all of it at once, each
    // network is loaded when it is its turn. bad_file: not recognised, a tensor missing or
    // misshapen, ...; not_finite: NaN in the weights, which run() says where it loads them.
    static Result<AudioPipeline> open(std::shared_ptr<Device> device, const std::string& path,
                                      const AudioOptions& options = {});
    AudioPipeline(AudioPipeline&&) noexcept;
    AudioPipeline& operator=(AudioPipeline&&) noexcept;
    ~AudioPipeline();

    const AudioInfo& info() const;

    // usage: the request cannot be met, and what could; interrupted: cancelled; not_finite: the
    // model produced NaN or infinity, in f32 too; out_of_memory: after all that takes less memory
    // was tried (modalities/latent/fallback.h), and what would fit.
    Result<std::vector<AudioTake>> run(const AudioRequest& request, const AudioEvents& events = {});

private:
    explicit AudioPipeline(std::unique_ptr<AudioModel> model);
    std::unique_ptr<AudioModel> model_;
};

}   // namespace kiln
