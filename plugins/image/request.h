// Requests as JSON, as description.h has them, to what the pipeline takes.
#pragma once
#include "modalities/image/pipeline.h"
#include "plugins/builtin/request.h"

namespace kiln::image_plugin {

using builtin::Json;

// What concerns opening the model; without the log.
ImageOptions image_options(const Json& request);

// What concerns one run. Completes `request` with what it leaves to chance (the seed) and to the
// model (size, sampler, guidance). A file that is no picture is a ResultError.
ImageRequest image_request(Json& request, const sdk::Request& blobs, const ImageInfo& info);

}   // namespace kiln::image_plugin
