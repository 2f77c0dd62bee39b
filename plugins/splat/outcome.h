// Splats to the file that was asked for, whatever they were made from.
#pragma once
#include "modalities/splat/splats.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::splat_plugin {

using builtin::Json;

inline constexpr const char* kStateMedia = "application/x-kiln-fit";

// What the file is to be: a cloud, a mesh, a web page or a contact sheet; and what it will be
// called, if that is settled. What cannot be made, such as a state or a mesh as .spz, is a Failure
// (KILN_USAGE) or a ResultError (usage), before anything is computed.
struct Wanted {
    std::string media, stem;
    bool mesh = false;
};
Wanted wanted_of(const Json& json, const sdk::Request& request);

// Hands the file over, and with an .obj its material and texture. Where there is no surface to make
// a mesh of, or that takes too long for who interrupts it, the splats are handed over as .ply.
// `request` is the one that makes the same again, with what is known of the result; `name` the
// words for a file's name.
void deliver(const Splats& splats, const Wanted& wanted, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events);

}   // namespace kiln::splat_plugin
