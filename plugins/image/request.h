// Requests as JSON, as description.h has them, to what the pipeline takes.
#pragma once
#include <nlohmann/json.hpp>

#include "modalities/image/pipeline.h"
#include "plugins/sdk/adapter.h"

namespace kiln::image_plugin {

using Json = nlohmann::ordered_json;

// What concerns opening the model; without the log.
ImageOptions image_options(const Json& request);

// What concerns one run. Completes `request` with what it leaves to chance (the seed) and to the
// model (size, sampler, guidance). A file that is no picture is a ResultError.
ImageRequest image_request(Json& request, const sdk::Request& blobs, const ImageInfo& info);

// How much of a pass is done at a stage of the pipeline, from 0 to 1.
double share_done(std::string_view stage, int step, int total);

}   // namespace kiln::image_plugin
