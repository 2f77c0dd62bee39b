#include "modalities/audio/spectrogram_pipeline.h"

#include <algorithm>
#include <cmath>

#include "modalities/audio/griffin_lim.h"
#include "modalities/latent/sampling.h"

namespace kiln {
namespace {

constexpr double kLongest = 3600;            // seconds
constexpr double kGriffinLimBytes = 3.4e6;   // a second
constexpr int kAround = 16;                  // latents of a loop that its ends are decoded with

// How the model's spectrograms are made; where the vocoder's file is silent, as AudioLDM's.
MelOptions mel_options(const HifiGanConfig& c) {
    MelOptions mel{.sample_rate = c.sample_rate, .hop = c.hop(), .bands = c.mels};
    if (c.fft) mel.n_fft = c.fft;
    mel.window = c.window ? c.window : mel.n_fft;
    mel.low = c.low;
    mel.high = c.high > 0 ? c.high : std::min(mel.high, c.sample_rate / 2.0);
    mel.padding = mel.n_fft / 2;
    return mel;
}

// Rows [first, first + count) of [rows, width] values in planes of a ring of rows.
std::vector<float> around(std::span<const float> values, int64_t planes, int64_t rows,
                          int64_t width, int64_t first, int64_t count) {
    std::vector<float> result;
    result.reserve(size_t(planes * count * width));
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = first; i < first + count; i++) {
            const auto row = values.subspan(size_t((p * rows + (i % rows + rows) % rows) * width),
                                            size_t(width));
            result.insert(result.end(), row.begin(), row.end());
        }
    return result;
}

Vocoder load_vocoder(const std::shared_ptr<Device>& device, const AudioLdm& model,
                     const VocoderOptions& options, std::unordered_set<std::string>& claimed) {
    Weights weights(device, model.vocoder_part.files,
                    {.names = model.vocoder_part.names, .deferred = true});
    Vocoder vocoder(device, weights, model.vocoder, options);
    claimed.insert(weights.claimed().begin(), weights.claimed().end());
    return vocoder;
}

}   // namespace

AudioCheckpoint open_spectrogram_checkpoint(const std::string& path, const AudioOptions& options) {
    AudioLdm model =
        take(open_audioldm(path, {.variant = options.variant, .tokenizer = options.tokenizer}));
    const std::string family = model.family;
    return {family,
            [model = std::move(model)](std::shared_ptr<Device> device, const AudioOptions& o) {
                return std::make_unique<SpectrogramPipeline>(std::move(device), model, o);
            }};
}

SpectrogramPipeline::SpectrogramPipeline(std::shared_ptr<Device> d, AudioLdm m,
                                         const AudioOptions& o)
    : device_(std::move(d)),
      options_(o),
      model_(std::move(m)),
      dtype_(activations(o.precision, model_.unet_part, device_->caps())),
      workspace_(std::make_shared<Workspace>(device_)),
      prompts_(make_prompt_encoder(device_, workspace_, model_, claimed_)),
      denoiser_(device_, workspace_,
                unet_network(device_, model_.unet_part, model_.unet, {.deferred = true}, claimed_)),
      vae_(device_, workspace_, model_.vae_part, model_.vae, {.deferred = true}, o.log, claimed_),
      vocoder_(load_vocoder(device_, model_, {.activations = dtype_, .workspace = workspace_},
                            claimed_)),
      networks_(device_, workspace_, denoiser_, vae_, {prompts_.get(), &vocoder_},
                {.name =
                     [latent = double(model_.hop()) / model_.vocoder.sample_rate](int height, int) {
                         return std::to_string(height * latent) + " seconds at a time";
                     },
                 .keeps_width = true},
                o.log) {
    const double latent = double(model_.hop()) / model_.vocoder.sample_rate;
    info_ = {.family = model_.family,
             .sample_rate = model_.vocoder.sample_rate,
             .seconds = model_.sample_size * latent,
             .longest = kLongest,
             .latent = latent,
             .window = 2 * model_.sample_size * latent,
             .sampler = take(default_sampler(model_.scheduler)),
             .samplers = sampler_names(),
             .steps = model_.steps,
             .cfg = model_.guidance};
    std::vector<std::shared_ptr<const TensorFiles>> files = {
        model_.unet_part.files, model_.vae_part.files, model_.vocoder_part.files,
        model_.text_part.files};
    if (const auto& l = model_.language)
        files.insert(files.end(), {l->t5_part.files, l->projection_part.files, l->gpt2_part.files});
    warn_unclaimed(std::move(files), claimed_, model_.expected_unused, options_.log);
}

SoundLayout SpectrogramPipeline::layout(const AudioRequest& r) const {
    const int hop = model_.hop(), rate = info_.sample_rate;
    const int64_t samples = std::max<int64_t>(1, int64_t(r.seconds * rate));
    const int latents = int((samples + hop - 1) / hop);
    return {.sample_rate = rate,
            .hop = hop,
            .latents = latents,
            .bands = model_.bands(),
            .samples = r.loop ? int64_t(latents) * hop : samples};
}

DenoiserJob SpectrogramPipeline::job(const AudioRequest& r, const SoundLayout& l,
                                     const AudioEvents& events) {
    if (events.progress) events.progress("reading the prompt", 0, 1);
    DenoiserJob job{.samples = r.batch,
                    .height = windows(r, l, 1).height(),
                    .width = l.bands,
                    .guided = *r.cfg > 1,
                    .two_passes = r.two_passes,
                    .dtype = dtype_,
                    .weights = networks_.best_placing()};
    const std::optional<std::string> negative =
        job.guided ? std::optional(r.negative.value_or("")) : std::nullopt;
    SpokenPrompts told = networks_.with_room(
        *prompts_, "the text encoder", [&] { return prompts_->least_memory(); },
        [&] { return prompts_->encode(r.prompt, negative, events.cancelled); });
    note_dropped(told.dropped, options_.log);
    job.positive = std::move(told.positive), job.negative = std::move(told.negative);
    return job;
}

// Windows of whole multiples of what the U-Net halves its latents to.
Windows SpectrogramPipeline::windows(const AudioRequest& r, const SoundLayout& l,
                                     int samples) const {
    const int step = std::max(4, model_.unet.factor());
    const int wanted = int(std::lround(*r.window / info_.latent)) / step * step;
    return {{samples, model_.vae.latent_channels, l.latents, l.bands},
            {.height = *r.window > 0 ? std::max(step, wanted) : 0, .ring = r.loop}};
}

// The autoencoder, for so many latents: in tiles of a window where they are more than that.
void SpectrogramPipeline::begin(const AudioRequest& r, int latents) {
    const int factor = model_.vae.factor();
    const int window = int(std::lround(*r.window / info_.latent)) / 4 * 4;
    const bool tiled = *r.window > 0 && latents > std::max(4, window);
    networks_.begin(latents * factor, model_.vocoder.mels,
                    tiled ? std::optional(std::max(4, window) * factor) : std::nullopt, true);
}

// A waveform as the autoencoder knows it.
LatentDistribution SpectrogramPipeline::hear(std::span<const float> samples, const AudioRequest& r,
                                             const AudioEvents& events) {
    const MelOptions mel = mel_options(model_.vocoder);
    take(check(mel));
    std::vector<float> padded(samples.begin(), samples.end());
    padded.resize(std::max(samples.size(), size_t(mel.padding) + 1), 0.0f);
    Mel heard = take(mel_spectrogram(device_, padded, mel));
    const int latents = int(int64_t(samples.size()) / model_.hop());
    heard.values.resize(size_t(latents) * size_t(model_.vae.factor()) * size_t(mel.bands));
    begin(r, latents);
    return networks_.encode(heard.values, events.cancelled);
}

// The batch of sounds that begins with `first`: from noise to latents.
Latent SpectrogramPipeline::denoise(const AudioRequest& r, const SoundLayout& l,
                                    const DenoiserJob& job, int first,
                                    std::optional<InitSound>& init, const AudioEvents& events) {
    const SampledBatch batch(sampling_of(r), model_.scheduler, first, job.samples,
                             init ? init->strength() : 1);
    Latent x(size_t(job.samples) * size_t(model_.vae.latent_channels) * size_t(l.latents) *
             size_t(l.bands));
    if (init) {
        init->draw(job.samples, *batch.noise, [&](std::span<float> z) { vae_.to_model(z); });
        init->start(*batch.sampler, x);
    } else {
        batch.start(x);
    }
    const Windows over = windows(r, l, job.samples);
    networks_.prepare(job, events.cancelled);
    LoopHooks hooks = loop_hooks(events.progress, events.cancelled);
    if (init && init->blends())
        hooks.blend = [&](const Sampler& s, Latent& latent) { init->blend(s, latent); };
    const Guidance guidance{.scale = job.guided ? *r.cfg : 1, .rescale = r.guidance_rescale};
    take(run_denoising(*batch.sampler, x, guidance, job.samples,
                       over.over([&](const NetworkCall& call) { return denoiser_(call); }), hooks));
    return x;
}

// A latent to a waveform: of a loop with its ends decoded as what follows each other.
std::vector<float> SpectrogramPipeline::decode(std::span<const float> latent, const AudioRequest& r,
                                               const SoundLayout& l, DType dtype,
                                               const AudioEvents& events) {
    const int bands = l.bands, mels = model_.vocoder.mels, factor = model_.vae.factor();
    const int more = r.loop ? kAround : 0;
    begin(r, l.latents + 2 * more);
    const std::vector<float> spread =
        around(latent, model_.vae.latent_channels, l.latents, bands, -more, l.latents + 2 * more);
    std::vector<float> mel = networks_.decode(spread, dtype, events.cancelled);
    const int64_t frames = int64_t(l.latents) * factor;
    mel = std::vector<float>(mel.begin() + int64_t(more) * factor * mels,
                             mel.begin() + (int64_t(more) * factor + frames) * mels);
    const int64_t halo = r.loop ? model_.vocoder.halo() : 0;
    std::vector<float> waveform =
        speak(around(mel, 1, frames, mels, -halo, frames + 2 * halo), r.vocoder, events);
    waveform.erase(waveform.begin(), waveform.begin() + halo * model_.vocoder.hop());
    waveform.resize(size_t(l.samples), 0.0f);
    return waveform;
}

std::vector<float> SpectrogramPipeline::speak(std::span<const float> mel, const std::string& how,
                                              const AudioEvents& events) {
    const auto progress = [&](int64_t done, int64_t total) {
        if (events.progress) events.progress("vocoding", int(done), int(total));
    };
    if (how == "griffin-lim" || (how == "auto" && model_.griffin_lim)) {
        const GriffinLimEvents told{.progress = progress, .cancelled = events.cancelled};
        const MelOptions front_end = mel_options(model_.vocoder);
        const double seconds =
            double(mel.size()) / front_end.bands * front_end.hop / front_end.sample_rate;
        return networks_.with_room(
            vocoder_, "Griffin-Lim", [&] { return uint64_t(seconds * kGriffinLimBytes); },
            [&] { return take(griffin_lim_of_mel(device_, mel, front_end, {}, told)); });
    }
    const Vocoder::Events told{.progress = progress, .cancelled = events.cancelled};
    return networks_.with_room(
        vocoder_, "the vocoder", [&] { return vocoder_.least_memory(); },
        [&] { return take(vocoder_.run(mel, told)); });
}

std::vector<AudioTake> SpectrogramPipeline::make(const AudioRequest& r, const SoundLayout& l,
                                                 const AudioEvents& events) {
    const CompilingWatch watch(*device_, events.progress);
    std::optional<InitSound> init;
    if (r.init) {
        note_conversion(*r.init, info_, options_.log);
        init.emplace(r, l);
        init->encode([&](std::span<const float> heard) { return hear(heard, r, events); });
    }
    begin(r, l.latents);
    std::vector<AudioTake> takes;
    sample_in_batches(
        networks_, job(r, l, events), r.count,
        [&](const DenoiserJob& j, int first) { return denoise(r, l, j, first, init, events); },
        events.progress,
        [&](std::span<const float> latent, int index, DType dtype) {
            std::vector<float> waveform = decode(latent, r, l, dtype, events);
            if (init) init->finish(waveform);
            takes.push_back(
                {{.sample_rate = l.sample_rate, .channels = 1, .samples = std::move(waveform)},
                 r.seed + uint64_t(index)});
        });
    note_memory(*device_, options_.log);
    return takes;
}

std::vector<AudioTake> SpectrogramPipeline::run(const AudioRequest& request,
                                                const AudioEvents& events) {
    const AudioRequest r = checked(request, info_, model_.scheduler);
    const SoundLayout l = layout(r);
    try {
        return make(r, l, events);
    } catch (const ModelError& failure) {   // one tensor is more than the device can bind
        const double at_once = windows(r, l, 1).height() * info_.latent;
        if (!request.window || at_once <= info_.window) throw;
        throw ResultError({Status::out_of_memory, std::string(failure.what()) + "; in windows of " +
                                                      std::to_string(info_.window) +
                                                      " seconds it would fit"});
    }
}

}   // namespace kiln
