// Requests for shapes from words to what modalities/splat takes.
#pragma once
#include "modalities/image/pipeline.h"
#include "modalities/splat/shape_distiller.h"
#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

using builtin::Json;

// What `prompt`, `background`, `steps`, `splats`, `seed`, `cfg`, `method`, `perp_neg`, `batch` and
// `antialiased` say. Completes the request with what it leaves open. Throws a ResultError
// (Status::usage) for what other sources of splats take only.
ShapeSettings shape_settings(Json& request);

// The prompt, before the background where it names none of its own.
std::string whole_prompt(const Json& request);

ImageOptions prior_options(const Json& request);

}   // namespace kiln::splat_plugin
