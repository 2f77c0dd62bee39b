// Splats to the file that was asked for, whatever they were made from.
#pragma once
#include "modalities/splat/splats.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::splat_plugin {

using builtin::Json;

inline constexpr const char* kStateMedia = "application/x-kiln-fit";

// What the file is to be: a cloud, a web page or a contact sheet. A state, which is none of these,
// is a ResultError (Status::usage).
std::string media_of(std::string_view asked);

// Hands the file over. `request` is the one that makes the same again, with what is known of the
// result; `name` the words for a file's name.
void deliver(const Splats& splats, const std::string& media, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events);

}   // namespace kiln::splat_plugin
