// Splats, or a solid, to the file that was asked for, whatever they were made from.
#pragma once
#include "modalities/splat/mesh/solid.h"
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

// The same where no mesh can be made: splats, as .ply.
Wanted without_mesh(const Wanted& wanted);

// Hands the file over, and with an .obj its material and texture. Where there is no surface to make
// a mesh of, or that takes too long for who interrupts it, the splats are handed over as .ply.
// `request` is the one that makes the same again, with what is known of the result; `name` the
// words for a file's name.
void deliver(const Splats& splats, const Wanted& wanted, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events);

// The same of a solid of which a mesh is wanted; of the run's progress this share is told already.
// False, after a warning, where there is none or it takes too long: splats are to stand for it.
bool deliver_mesh(Solid& solid, double before, const Wanted& wanted, const std::string& name,
                  const Json& request, const builtin::Session& session, const sdk::Events& events);

}   // namespace kiln::splat_plugin
