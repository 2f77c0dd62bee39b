// From noise to latents as every modality's requests ask for it: what they say of it, the noise and
// the sampler of one batch, and batches until there are enough.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "modalities/diffusion/latent.h"
#include "modalities/latent/networks.h"
#include "modalities/latent/run.h"

namespace kiln {

struct Sampling {
    int steps;
    double cfg;
    std::string sampler, schedule;
    std::optional<double> eta;
    uint64_t seed;   // of the first sample; the others have the next ones
    int count, batch;
    double guidance_rescale;
    std::string rng;
};

// What a request says, by members of these names, once it leaves neither cfg nor sampler open.
template <class Request>
Sampling sampling_of(const Request& r) {
    return {r.steps, *r.cfg,  r.sampler, r.schedule,         r.eta,
            r.seed,  r.count, r.batch,   r.guidance_rescale, r.rng};
}

// What cannot be is Status::usage, with what could.
void check(const Sampling& sampling, const SchedulerConfig& scheduler,
           const std::vector<std::string>& samplers = sampler_names());

// What one batch draws from, and how it goes on from there.
struct SampledBatch {
    std::unique_ptr<NoiseSource> noise;
    std::unique_ptr<Sampler> sampler;   // draws from the noise

    // The batch of `samples` that begins with the sample `first`, of the share `strength` of the
    // steps.
    SampledBatch(const Sampling& sampling, const SchedulerConfig& scheduler, int first, int samples,
                 double strength = 1);
    // Pure noise at the level of the first step.
    void start(Latent& x) const;
};

// Of the loop over the steps: says how far it is, and asks whether to go on.
LoopHooks loop_hooks(const StageProgress& progress, const std::function<bool()>& cancelled);

// A batch of the job's size that begins with the sample `first`: latents, one after the other.
using DenoiseBatch = std::function<Latent(const DenoiserJob& job, int first)>;
// One of them, that of the sample `index`; `dtype` is what it was computed in.
using UseLatent = std::function<void(std::span<const float> latent, int index, DType dtype)>;

// `count` samples in batches of the job's or, where memory does not suffice, smaller ones.
void sample_in_batches(Networks& networks, DenoiserJob job, int count, const DenoiseBatch& denoise,
                       const StageProgress& progress, const UseLatent& use);

}   // namespace kiln
