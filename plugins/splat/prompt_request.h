// Requests for shapes from words to what modalities/splat takes.
#pragma once
#include "modalities/image/pipeline.h"
#include "modalities/nerf/field_shape.h"
#include "modalities/splat/distillation/cut_out.h"
#include "modalities/splat/distillation/shape_distiller.h"
#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

using builtin::Json;

// What `prompt`, `background`, `steps`, `splats`, `seed`, `cfg`, `method`, `perp_neg`, `batch` and
// `antialiased` say. Completes the request with what it leaves open. Throws a ResultError
// (Status::usage) for what other sources of splats take only.
ShapeSettings shape_settings(Json& request);

// What a radiance field needs to be distilled, after shape_settings(), which are adapted. Throws a
// ResultError (Status::usage) for what only splats can be asked for.
FieldShapeOptions field_settings(Json& request, ShapeSettings& settings);

// The prompt, before the background where it names none of its own.
std::string whole_prompt(const Json& request);

// The object of `image`, cut out by `mask`, its alpha or its plain background, multiplied by alpha;
// none where there is no picture. In the request both become the names of their files. Throws a
// ResultError.
std::optional<Image> given_object(Json& request, const sdk::Request& files);

// Lets the shape look like a given object from `image_azimuth` and `image_elevation`; pictures of
// the prior have so many pixels a side.
void add_picture(ShapeSettings& settings, const Json& request, const Image& object, int size);

ImageOptions prior_options(const Json& request);

}   // namespace kiln::splat_plugin
