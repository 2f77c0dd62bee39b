// Requests as JSON, as description.h has them, to what the pipeline takes.
#pragma once
#include <nlohmann/json.hpp>

#include "modalities/audio/pipeline.h"
#include "plugins/sdk/adapter.h"

namespace kiln::audio_plugin {

using Json = nlohmann::ordered_json;

// What concerns opening the model; without the log.
AudioOptions audio_options(const Json& request);

// What concerns one run. Completes `request` with what it leaves to chance (the seed) and to the
// model (length, sampler, guidance). A file that is no sound is a ResultError.
AudioRequest audio_request(Json& request, const sdk::Request& blobs, const AudioInfo& info);

// How much of a pass is done at a stage of the pipeline, from 0 to 1.
double share_done(std::string_view stage, int step, int total);

}   // namespace kiln::audio_plugin
