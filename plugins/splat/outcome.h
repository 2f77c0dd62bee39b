// Splats to the file that was asked for, whatever they were made from.
#pragma once
#include "modalities/splat/splats.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::splat_plugin {

using builtin::Json;

inline constexpr const char* kStateMedia = "application/x-kiln-fit";

// What the file is to be: a cloud, a mesh (.obj), a web page or a contact sheet; and what it will
// be called, if that is settled. A state or a .mtl, which are none of these, is a ResultError
// (Status::usage).
struct Wanted {
    std::string media, stem;
};
Wanted wanted_of(const sdk::Request& request);

// Hands the file over, and with a mesh its material and texture. Where there is no surface to make
// one of, the splats are handed over as .ply. `request` is the one that makes the same again, with
// what is known of the result; `name` the words for a file's name.
void deliver(const Splats& splats, const Wanted& wanted, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events);

}   // namespace kiln::splat_plugin
