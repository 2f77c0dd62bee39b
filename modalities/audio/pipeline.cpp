#include "modalities/audio/pipeline.h"

#include <algorithm>
#include <cmath>

#include "modalities/audio/checkpoint.h"
#include "modalities/audio/conditioning.h"
#include "modalities/audio/init_sound.h"
#include "modalities/audio/mel.h"
#include "modalities/audio/vocoder.h"
#include "modalities/latent/networks.h"
#include "modalities/latent/windows.h"

namespace kiln {
namespace {

constexpr double kLongest = 3600;   // seconds
constexpr int kAround = 16;         // latents of a loop that its ends are decoded with

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

VocoderOptions vocoder_options(DType dtype, std::shared_ptr<Workspace> workspace) {
    return {.activations = dtype, .workspace = std::move(workspace)};
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

struct AudioPipeline::State {
    std::shared_ptr<Device> device;
    AudioOptions options;
    AudioLdm model;
    AudioInfo info;
    DType dtype;
    std::unordered_set<std::string> claimed;
    std::shared_ptr<Workspace> workspace;
    ClapTextEncoder text;
    LatentDenoiser denoiser;
    Autoencoder vae;
    Vocoder vocoder;
    Networks networks;

    State(std::shared_ptr<Device> d, AudioLdm m, const AudioOptions& o);
    AudioRequest checked(AudioRequest request) const;
    SoundLayout layout(const AudioRequest& request) const;
    Conditioning encode(const std::string& prompt, const AudioEvents& events);
    DenoiserJob job(const AudioRequest& request, const SoundLayout& layout,
                    const AudioEvents& events);
    Windows windows(const AudioRequest& request, const SoundLayout& layout, int samples) const;
    void begin(const AudioRequest& request, int latents);
    LatentDistribution hear(std::span<const float> samples, const AudioRequest& request,
                            const AudioEvents& events);
    Latent denoise(const AudioRequest& request, const SoundLayout& layout, const DenoiserJob& job,
                   int first, std::optional<InitSound>& init, const AudioEvents& events);
    std::vector<float> decode(std::span<const float> latent, const AudioRequest& request,
                              const SoundLayout& layout, DType dtype, const AudioEvents& events);
    std::vector<float> speak(std::span<const float> mel, const AudioEvents& events);
    void note_conversion(const Sound& sound) const;
    double seconds_at_once(const AudioRequest& request) const;
    std::vector<AudioTake> run(const AudioRequest& request, const AudioEvents& events);
};

AudioPipeline::State::State(std::shared_ptr<Device> d, AudioLdm m, const AudioOptions& o)
    : device(std::move(d)),
      options(o),
      model(std::move(m)),
      dtype(activations(o.precision, model.unet_part, device->caps())),
      workspace(std::make_shared<Workspace>(device)),
      text(device, workspace, model, claimed),
      denoiser(device, workspace,
               unet_network(device, model.unet_part, model.unet, {.deferred = true}, claimed)),
      vae(device, workspace, model.vae_part, model.vae, {.deferred = true}, o.log, claimed),
      vocoder(load_vocoder(device, model, vocoder_options(dtype, workspace), claimed)),
      networks(device, workspace, denoiser, vae, {&text, &vocoder},
               {.name = [latent = double(model.hop()) / model.vocoder.sample_rate](
                            int height,
                            int) { return std::to_string(height * latent) + " seconds at a time"; },
                .keeps_width = true},
               o.log) {
    const double latent = double(model.hop()) / model.vocoder.sample_rate;
    info = {.family = model.family,
            .sample_rate = model.vocoder.sample_rate,
            .seconds = model.sample_size * latent,
            .latent = latent,
            .window = 2 * model.sample_size * latent,
            .sampler = take(default_sampler(model.scheduler)),
            .cfg = model.guidance > 0 ? model.guidance : 2.5};
    warn_unclaimed({model.unet_part.files, model.vae_part.files, model.vocoder_part.files,
                    model.text_part.files},
                   claimed, model.expected_unused, options.log);
}

// The request with its defaults filled in.
AudioRequest AudioPipeline::State::checked(AudioRequest r) const {
    if (r.seconds == 0) r.seconds = r.init ? r.init->seconds() : info.seconds;
    if (r.sampler.empty()) r.sampler = info.sampler;
    if (!r.cfg) r.cfg = info.cfg;
    if (!r.window) r.window = info.window;
    if (!(r.seconds > 0 && r.seconds <= kLongest))
        usage("seconds: expected more than 0 and at most " + std::to_string(int(kLongest)) +
              "; found " + std::to_string(r.seconds));
    check_range("steps", r.steps, 1, model.scheduler.num_train_timesteps);
    check_range("count", r.count, 1, 1 << 20);
    check_range("batch", r.batch, 1, 1024);
    check_range("cfg", *r.cfg, 0, 1000);
    check_range("guidance rescale", r.guidance_rescale, 0, 1);
    check_range("window", *r.window, 0, kLongest);
    check_sampler(r.sampler);
    if (r.repaint && !r.init) usage("a part to make anew needs the sound that it is a part of");
    return r;
}

SoundLayout AudioPipeline::State::layout(const AudioRequest& r) const {
    const int hop = model.hop(), rate = info.sample_rate;
    const int64_t samples = std::max<int64_t>(1, int64_t(r.seconds * rate));
    const int latents = int((samples + hop - 1) / hop);
    return {.sample_rate = rate,
            .hop = hop,
            .latents = latents,
            .bands = model.bands(),
            .samples = r.loop ? int64_t(latents) * hop : samples};
}

Conditioning AudioPipeline::State::encode(const std::string& prompt, const AudioEvents& events) {
    SpokenPrompt result;
    try {
        result = networks.with_room(text, [&] { return text.encode(prompt, events.cancelled); });
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory) throw;
        networks.does_not_fit(failure.error, "the text encoder", text.least_memory());
    }
    if (!result.dropped.empty() && options.log)
        options.log(LogLevel::warning, "the prompt is too long; left out: " + result.dropped);
    return result.conditions;
}

DenoiserJob AudioPipeline::State::job(const AudioRequest& r, const SoundLayout& l,
                                      const AudioEvents& events) {
    if (events.progress) events.progress("reading the prompt", 0, 1);
    DenoiserJob job{.samples = r.batch,
                    .height = windows(r, l, 1).height(),
                    .width = l.bands,
                    .guided = *r.cfg > 1,
                    .two_passes = r.two_passes,
                    .dtype = dtype,
                    .weights = networks.best_placing()};
    job.positive = encode(r.prompt, events);
    if (job.guided) job.negative = encode(r.negative.value_or(""), events);
    return job;
}

// Windows of whole multiples of what the U-Net halves its latents to.
Windows AudioPipeline::State::windows(const AudioRequest& r, const SoundLayout& l,
                                      int samples) const {
    const int step = std::max(4, model.unet.factor());
    const int wanted = int(std::lround(*r.window / info.latent)) / step * step;
    return {{samples, model.vae.latent_channels, l.latents, l.bands},
            {.height = *r.window > 0 ? std::max(step, wanted) : 0, .ring = r.loop}};
}

double AudioPipeline::State::seconds_at_once(const AudioRequest& request) const {
    const AudioRequest r = checked(request);
    return windows(r, layout(r), 1).height() * info.latent;
}

// The autoencoder, for so many latents: in tiles of a window where they are more than that.
void AudioPipeline::State::begin(const AudioRequest& r, int latents) {
    const int factor = model.vae.factor();
    const int window = int(std::lround(*r.window / info.latent)) / 4 * 4;
    const bool tiled = *r.window > 0 && latents > std::max(4, window);
    networks.begin(latents * factor, model.vocoder.mels,
                   tiled ? std::optional(std::max(4, window) * factor) : std::nullopt, true);
}

// A waveform as the autoencoder knows it.
LatentDistribution AudioPipeline::State::hear(std::span<const float> samples, const AudioRequest& r,
                                              const AudioEvents& events) {
    const MelOptions mel = mel_options(model.vocoder);
    take(check(mel));
    std::vector<float> padded(samples.begin(), samples.end());
    padded.resize(std::max(samples.size(), size_t(mel.padding) + 1), 0.0f);
    Mel heard = take(mel_spectrogram(device, padded, mel));
    const int latents = int(int64_t(samples.size()) / model.hop());
    heard.values.resize(size_t(latents) * size_t(model.vae.factor()) * size_t(mel.bands));
    begin(r, latents);
    return networks.encode(heard.values, events.cancelled);
}

// The batch of sounds that begins with `first`: from noise to latents.
Latent AudioPipeline::State::denoise(const AudioRequest& r, const SoundLayout& l,
                                     const DenoiserJob& job, int first,
                                     std::optional<InitSound>& init, const AudioEvents& events) {
    std::vector<uint64_t> seeds;
    for (int i = 0; i < job.samples; i++) seeds.push_back(r.seed + uint64_t(first + i));
    const auto noise = take(make_noise(r.rng, seeds));
    const SamplerRequest request{.steps = r.steps,
                                 .strength = init ? init->strength() : 1,
                                 .schedule = r.schedule,
                                 .eta = r.eta,
                                 .tokens = {},
                                 .samples = job.samples,
                                 .seeds = seeds};
    const auto sampler = take(make_sampler(r.sampler, model.scheduler, request, *noise));
    Latent x(size_t(job.samples) * size_t(model.vae.latent_channels) * size_t(l.latents) *
             size_t(l.bands));
    if (init) {
        init->encode([&](std::span<const float> heard) { return hear(heard, r, events); }, vae,
                     job.samples, *noise);
        init->start(*sampler, x);
    } else {
        noise->fill(x);
        sampler->scale_initial_noise(x);
    }
    const Windows over = windows(r, l, job.samples);
    networks.prepare(job, events.cancelled);
    LoopHooks hooks{.cancelled = events.cancelled, .progress = {}, .blend = {}};
    hooks.progress = [&](const LoopEvent& event) {
        if (events.progress) events.progress("denoising", event.step, event.steps);
    };
    if (init && init->blends())
        hooks.blend = [&](const Sampler& s, Latent& latent) { init->blend(s, latent); };
    const Guidance guidance{.scale = job.guided ? *r.cfg : 1, .rescale = r.guidance_rescale};
    take(run_denoising(*sampler, x, guidance, job.samples,
                       over.over([&](const NetworkCall& call) { return denoiser(call); }), hooks));
    return x;
}

// A latent to a waveform: of a loop with its ends decoded as what follows each other.
std::vector<float> AudioPipeline::State::decode(std::span<const float> latent,
                                                const AudioRequest& r, const SoundLayout& l,
                                                DType dtype, const AudioEvents& events) {
    const int bands = l.bands, mels = model.vocoder.mels, factor = model.vae.factor();
    const int more = r.loop ? kAround : 0;
    begin(r, l.latents + 2 * more);
    const std::vector<float> spread =
        around(latent, model.vae.latent_channels, l.latents, bands, -more, l.latents + 2 * more);
    std::vector<float> mel = networks.decode(spread, dtype, events.cancelled);
    const int64_t frames = int64_t(l.latents) * factor;
    mel = std::vector<float>(mel.begin() + int64_t(more) * factor * mels,
                             mel.begin() + (int64_t(more) * factor + frames) * mels);
    const int64_t halo = r.loop ? model.vocoder.halo() : 0;
    std::vector<float> waveform =
        speak(around(mel, 1, frames, mels, -halo, frames + 2 * halo), events);
    waveform.erase(waveform.begin(), waveform.begin() + halo * model.vocoder.hop());
    waveform.resize(size_t(l.samples), 0.0f);
    return waveform;
}

std::vector<float> AudioPipeline::State::speak(std::span<const float> mel,
                                               const AudioEvents& events) {
    Vocoder::Events told{.progress = {}, .cancelled = events.cancelled};
    told.progress = [&](int64_t done, int64_t total) {
        if (events.progress) events.progress("vocoding", int(done), int(total));
    };
    try {
        return networks.with_room(vocoder, [&] { return take(vocoder.run(mel, told)); });
    } catch (const ResultError& failure) {
        if (failure.error.status != Status::out_of_memory) throw;
        networks.does_not_fit(failure.error, "the vocoder", vocoder.least_memory());
    }
}

void AudioPipeline::State::note_conversion(const Sound& sound) const {
    if (!options.log || (sound.channels == 1 && sound.sample_rate == info.sample_rate)) return;
    options.log(LogLevel::info, "the sound to start from has " + std::to_string(sound.channels) +
                                    (sound.channels == 1 ? " channel" : " channels") + " at " +
                                    std::to_string(sound.sample_rate) +
                                    " Hz; the model hears one at " +
                                    std::to_string(info.sample_rate) + " Hz");
}

std::vector<AudioTake> AudioPipeline::State::run(const AudioRequest& request,
                                                 const AudioEvents& events) {
    const AudioRequest r = checked(request);
    const SoundLayout l = layout(r);
    const CompilingWatch watch(*device, events.progress);
    std::optional<InitSound> init;
    if (r.init) {
        note_conversion(*r.init);
        init.emplace(r, l);
    }
    begin(r, l.latents);
    DenoiserJob prepared = job(r, l, events);
    std::vector<AudioTake> takes;
    while (int(takes.size()) < r.count) {
        const int first = int(takes.size());
        DenoiserJob job = prepared;
        const int asked = job.samples = std::min(prepared.samples, r.count - first);
        const Latent latents = networks.denoise(
            job, [&](const DenoiserJob& j) { return denoise(r, l, j, first, init, events); });
        prepared.two_passes = job.two_passes, prepared.weights = job.weights;
        if (job.samples < asked) prepared.samples = job.samples;
        const size_t each = latents.size() / size_t(job.samples);
        for (int i = 0; i < job.samples; i++) {
            if (events.progress) events.progress("decoding", i, job.samples);
            std::vector<float> waveform =
                decode(std::span(latents).subspan(size_t(i) * each, each), r, l, job.dtype, events);
            if (init) init->finish(waveform);
            takes.push_back(
                {{.sample_rate = l.sample_rate, .channels = 1, .samples = std::move(waveform)},
                 r.seed + uint64_t(first + i)});
        }
    }
    note_memory(*device, options.log);
    return takes;
}

Result<AudioPipeline> AudioPipeline::open(std::shared_ptr<Device> device, const std::string& path,
                                          const AudioOptions& options) {
    auto model = open_audioldm(path, {.variant = options.variant, .tokenizer = options.tokenizer});
    if (!model) return model.error();
    return guarded([&] {
        return AudioPipeline(
            std::make_unique<State>(std::move(device), std::move(*model), options));
    });
}

Result<std::vector<AudioTake>> AudioPipeline::run(const AudioRequest& request,
                                                  const AudioEvents& events) {
    return guarded([&] {
        try {
            return state_->run(request, events);
        } catch (const ModelError& failure) {   // one tensor is more than the device can bind
            if (!request.window || state_->seconds_at_once(request) <= state_->info.window) throw;
            throw ResultError({Status::out_of_memory,
                               std::string(failure.what()) + "; in windows of " +
                                   std::to_string(state_->info.window) + " seconds it would fit"});
        }
    });
}

AudioPipeline::AudioPipeline(std::unique_ptr<State> state) : state_(std::move(state)) {}
AudioPipeline::AudioPipeline(AudioPipeline&&) noexcept = default;
AudioPipeline& AudioPipeline::operator=(AudioPipeline&&) noexcept = default;
AudioPipeline::~AudioPipeline() = default;
const AudioInfo& AudioPipeline::info() const { return state_->info; }

}   // namespace kiln
