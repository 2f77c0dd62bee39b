// Requests as JSON, as description.h has them, to what the pipeline takes.
#pragma once
#include "modalities/audio/pipeline.h"
#include "plugins/builtin/request.h"

namespace kiln::audio_plugin {

using builtin::Json;

// What concerns opening the model; without the log.
AudioOptions audio_options(const Json& request);

// The sound that stands for a property; none where the request has none. What is no sound is a
// ResultError.
std::optional<Sound> sound_of(const Json& request, const char* name, const sdk::Request& blobs);

// What concerns one run. Completes `request` with what it leaves to chance (the seed) and to the
// model (length, sampler, guidance). A file that is no sound is a ResultError.
AudioRequest audio_request(Json& request, const sdk::Request& blobs, const AudioInfo& info);

}   // namespace kiln::audio_plugin
