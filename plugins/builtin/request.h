// What several plugins read from a request, which is JSON as their description has it, and what
// they say of a result.
#pragma once
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "modalities/latent/run.h"
#include "plugins/sdk/adapter.h"
#include "runtime/io/audio.h"

namespace kiln::builtin {

using Json = nlohmann::ordered_json;

// What the request's "precision" says.
Precision precision_of(const Json& request);

// The file that stands for a property; null where the request has none.
const sdk::Blob* file_of(const Json& request, const char* name, const sdk::Request& blobs);

// Fills in what every request for diffusion has, `to` being the one of a pipeline. Completes the
// JSON with what it leaves to chance (the seed) and to the model (sampler, guidance).
template <class PipelineRequest, class Info>
void read_diffusion(Json& r, const Info& info, PipelineRequest& to) {
    if (!r.contains("seed")) r["seed"] = std::random_device()();
    r["sampler"] = r.value("sampler", info.sampler);
    r["cfg"] = r.value("cfg", info.cfg);
    to.prompt = r["prompt"];
    if (r.contains("negative")) to.negative = r["negative"];
    to.steps = r.value("steps", to.steps), to.cfg = r["cfg"];
    to.sampler = r["sampler"], to.schedule = r.value("schedule", to.schedule);
    if (r.contains("eta")) to.eta = r["eta"];
    to.seed = r["seed"], to.count = r.value("count", to.count),
    to.batch = r.value("batch", to.batch);
    to.guidance_rescale = r.value("guidance_rescale", to.guidance_rescale);
    to.two_passes = r.value("two_passes", to.two_passes);
    to.rng = r.value("rng", to.rng);
}

// Notes in the request what made its results: the model by its name, and Kiln's version.
void sign(Json& request, const std::string& model);

// JSON as text, whatever bytes its strings have.
std::string text_of(const Json& json);

SampleType sample_type(int bits);   // 16, 24, or 32 for floating point

// Tags of a sound that `made`, a signed request, made.
SoundTags sound_tags(const std::string& title, const Json& made);

}   // namespace kiln::builtin
