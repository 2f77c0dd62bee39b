#include "modalities/latent/sampling.h"

#include <algorithm>

namespace kiln {

void check(const Sampling& s, const SchedulerConfig& scheduler,
           const std::vector<std::string>& samplers) {
    check_range("steps", s.steps, 1, scheduler.num_train_timesteps);
    check_range("count", s.count, 1, 1 << 20);
    check_range("batch", s.batch, 1, 1024);
    check_range("cfg", s.cfg, 0, 1000);
    check_range("guidance rescale", s.guidance_rescale, 0, 1);
    check_one_of("sampler", s.sampler, samplers);
}

SampledBatch::SampledBatch(const Sampling& s, const SchedulerConfig& scheduler, int first,
                           int samples, double strength) {
    std::vector<uint64_t> seeds;
    for (int i = 0; i < samples; i++) seeds.push_back(s.seed + uint64_t(first + i));
    noise = take(make_noise(s.rng, seeds));
    const SamplerRequest request{.steps = s.steps,
                                 .strength = strength,
                                 .schedule = s.schedule,
                                 .eta = s.eta,
                                 .tokens = {},
                                 .samples = samples,
                                 .seeds = seeds};
    sampler = take(make_sampler(s.sampler, scheduler, request, *noise));
}

void SampledBatch::start(Latent& x) const {
    noise->fill(x);
    sampler->scale_initial_noise(x);
}

LoopHooks loop_hooks(const StageProgress& progress, const std::function<bool()>& cancelled) {
    LoopHooks hooks{.cancelled = cancelled, .progress = {}, .blend = {}};
    if (progress)
        hooks.progress = [&progress](const LoopEvent& event) {
            progress("denoising", event.step, event.steps);
        };
    return hooks;
}

void sample_in_batches(Networks& networks, DenoiserJob job, int count, const DenoiseBatch& denoise,
                       const StageProgress& progress, const UseLatent& use) {
    for (int first = 0; first < count;) {
        DenoiserJob batch = job;
        const int asked = batch.samples = std::min(job.samples, count - first);
        const Latent latents = networks.denoise(
            batch, [&](const DenoiserJob& attempt) { return denoise(attempt, first); });
        // What did not fit once is not tried again.
        job.two_passes = batch.two_passes, job.weights = batch.weights;
        if (batch.samples < asked) job.samples = batch.samples;
        const size_t each = latents.size() / size_t(batch.samples);
        for (int i = 0; i < batch.samples; i++) {
            if (progress) progress("decoding", i, batch.samples);
            use(std::span(latents).subspan(size_t(i) * each, each), first + i, batch.dtype);
        }
        first += batch.samples;
    }
}

}   // namespace kiln
