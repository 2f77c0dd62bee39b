#include "modalities/audio/stable_audio_pipeline.h"

#include <algorithm>

#include "modalities/latent/sampling.h"

namespace kiln {
namespace {

constexpr int kAtOnce = 128;   // latents that are decoded at a time
constexpr int kSteps = 100;    // of diffusers' pipeline, as is the guidance
constexpr double kGuidance = 7;

// Those that step over any noise levels, as the model has no trained timesteps.
std::vector<std::string> samplers_of(const SchedulerConfig& scheduler) {
    const auto noise = take(make_noise("torch", std::vector<uint64_t>{0}));
    std::vector<std::string> names;
    for (const std::string& name : sampler_names())
        if (make_sampler(name, scheduler, {.steps = 2}, *noise)) names.push_back(name);
    return names;
}

}   // namespace

AudioCheckpoint open_stable_audio_checkpoint(const std::string& path, const AudioOptions& options) {
    StableAudio model = open_stable_audio(path, options.variant);
    const std::string family = model.family;
    return {family,
            [model = std::move(model)](std::shared_ptr<Device> device, const AudioOptions& o) {
                return std::make_unique<StableAudioPipeline>(std::move(device), model, o);
            }};
}

DenoiserNetwork stable_audio_network(const std::shared_ptr<Device>& device,
                                     const CheckpointPart& part, const StableAudioConfig& config,
                                     std::unordered_set<std::string>& claimed) {
    Weights weights(device, part.files, {.names = part.names, .deferred = true});
    const StableAudioTransformer transformer(weights, config);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    const auto predict = [transformer](const DenoiserInputs& in) {
        const int64_t n = in.latent[0], t = in.latent[1], c = in.latent[3];
        const Tensor prediction = transformer({.latent = reshape(in.latent, {n, t, c}),
                                               .timestep = in.timestep,
                                               .context = in["context"],
                                               .global = in["global"],
                                               .dtype = in.dtype});
        return reshape(prediction, {n, t, 1, c});
    };
    return {predict, config.in_channels, config.out_channels, weights.deferred()};
}

StableAudioPipeline::StableAudioPipeline(std::shared_ptr<Device> d, StableAudio m,
                                         const AudioOptions& o)
    : device_(std::move(d)),
      options_(o),
      model_(std::move(m)),
      dtype_(activations(o.precision, model_.transformer_part, device_->caps())),
      workspace_(std::make_shared<Workspace>(device_)),
      text_(device_, workspace_, model_, claimed_),
      denoiser_(
          device_, workspace_,
          stable_audio_network(device_, model_.transformer_part, model_.transformer, claimed_)),
      vae_(device_, workspace_, model_.vae_part, model_.vae, o.log, claimed_),
      networks_(device_, workspace_, denoiser_, vae_, {&text_}, {.name = {}, .keeps_width = true},
                o.log) {
    info_ = {.family = model_.family,
             .sample_rate = model_.vae.sample_rate,
             .channels = model_.vae.audio_channels,
             .seconds = model_.longest(),
             .longest = model_.longest(),
             .latent = double(model_.vae.factor()) / model_.vae.sample_rate,
             .window = 0,
             .sampler = take(default_sampler(model_.scheduler)),
             .samplers = samplers_of(model_.scheduler),
             .steps = kSteps,
             .cfg = model_.guidance > 0 ? model_.guidance : kGuidance};
    warn_unclaimed({model_.text_part.files, model_.projection_part.files,
                    model_.transformer_part.files, model_.vae_part.files},
                   claimed_, {}, options_.log);
}

SoundLayout StableAudioPipeline::layout(const AudioRequest& r) const {
    return {.sample_rate = info_.sample_rate,
            .hop = model_.vae.factor(),
            .latents = model_.transformer.length,
            .bands = 1,
            .samples = std::max<int64_t>(1, int64_t(r.seconds * info_.sample_rate)),
            .channels = info_.channels};
}

Conditioning StableAudioPipeline::encode(const std::string& prompt, double seconds,
                                         const AudioEvents& events) {
    const StableAudioConditioner::Told told = networks_.with_room(
        text_, "the text encoder", [&] { return text_.least_memory(); },
        [&] { return text_.encode(prompt, seconds, events.cancelled); });
    note_dropped(told.dropped, options_.log);
    return told.conditions;
}

DenoiserJob StableAudioPipeline::job(const AudioRequest& r, const AudioEvents& events) {
    if (events.progress) events.progress("reading the prompt", 0, 1);
    DenoiserJob job{.samples = r.batch,
                    .height = model_.transformer.length,
                    .width = 1,
                    .guided = *r.cfg > 1,
                    .two_passes = r.two_passes,
                    .dtype = dtype_,
                    .weights = networks_.best_placing()};
    job.positive = encode(r.prompt, r.seconds, events);
    if (job.guided)
        job.negative = r.negative ? encode(*r.negative, r.seconds, events)
                                  : StableAudioConditioner::without_context(job.positive);
    return job;
}

// The autoencoder, for so many latents: in pieces, which make the same.
void StableAudioPipeline::begin(int latents) {
    const int factor = model_.vae.factor();
    networks_.begin(latents * factor, 1, kAtOnce * factor, true);
}

// The batch of sounds that begins with `first`: from noise to latents.
Latent StableAudioPipeline::denoise(const AudioRequest& r, const DenoiserJob& job, int first,
                                    std::optional<InitSound>& init, const AudioEvents& events) {
    const SampledBatch batch(sampling_of(r), model_.scheduler, first, job.samples,
                             init ? init->strength() : 1);
    Latent x(size_t(job.samples) * size_t(model_.vae.latent_channels) * size_t(job.height));
    if (init) {
        init->draw(job.samples, *batch.noise);
        init->start(*batch.sampler, x);
    } else {
        batch.start(x);
    }
    networks_.prepare(job, events.cancelled);
    LoopHooks hooks = loop_hooks(events.progress, events.cancelled);
    if (init && init->blends())
        hooks.blend = [&](const Sampler& s, Latent& latent) { init->blend(s, latent); };
    const Guidance guidance{.scale = job.guided ? *r.cfg : 1, .rescale = r.guidance_rescale};
    take(run_denoising(
        *batch.sampler, x, guidance, job.samples,
        [&](const NetworkCall& call) { return denoiser_(call); }, hooks));
    return x;
}

// A latent to its first l.samples frames: what lies behind what they depend on is not decoded.
Sound StableAudioPipeline::decode(std::span<const float> latent, const SoundLayout& l, DType dtype,
                                  const AudioEvents& events) {
    const int64_t wanted = (l.samples + l.hop - 1) / l.hop + model_.vae.decoder_halo();
    const int latents = int(std::min<int64_t>(wanted, l.latents));
    std::vector<float> heard;
    for (int c = 0; c < model_.vae.latent_channels; c++) {
        const auto row = latent.subspan(size_t(c) * size_t(l.latents), size_t(latents));
        heard.insert(heard.end(), row.begin(), row.end());
    }
    begin(latents);
    vae_.tell([progress = events.progress](int done, int total) {
        if (progress) progress("decoding", done, total);
    });
    Sound sound{l.sample_rate, l.channels, networks_.decode(heard, dtype, events.cancelled)};
    sound.samples.resize(size_t(l.samples) * size_t(l.channels), 0.0f);
    return sound;
}

std::vector<AudioTake> StableAudioPipeline::run(const AudioRequest& request,
                                                const AudioEvents& events) {
    const AudioRequest r = checked(request, info_, model_.scheduler);
    if (r.vocoder == "griffin-lim") usage("vocoder: this model's latents become sound without one");
    if (r.loop) usage("loop: a model that always makes its whole length makes no loops");
    const SoundLayout l = layout(r);
    const CompilingWatch watch(*device_, events.progress);
    std::optional<InitSound> init;
    if (r.init) {
        note_conversion(*r.init, info_, options_.log);
        init.emplace(r, l, Hearing{.levelled = false, .noise_first = true});
        begin(l.latents);
        vae_.tell({});
        init->encode([&](std::span<const float> heard) {
            return networks_.encode(heard, events.cancelled);
        });
    }
    std::vector<AudioTake> takes;
    sample_in_batches(
        networks_, job(r, events), r.count,
        [&](const DenoiserJob& j, int first) { return denoise(r, j, first, init, events); },
        events.progress,
        [&](std::span<const float> latent, int index, DType dtype) {
            Sound sound = decode(latent, l, dtype, events);
            if (init) init->finish(sound.samples);
            takes.push_back({std::move(sound), r.seed + uint64_t(index)});
        });
    note_memory(*device_, options_.log);
    return takes;
}

}   // namespace kiln
