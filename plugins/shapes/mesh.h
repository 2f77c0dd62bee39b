// Meshes out of splats and other solids, as files.
#pragma once
#include <functional>

#include "modalities/splat/mesh/solid.h"
#include "plugins/builtin/request.h"
#include "plugins/shapes/cloud.h"

namespace kiln::shapes {

inline constexpr const char *kGlb = "model/gltf-binary", *kObj = "model/obj", *kMtl = "model/mtl";

// Whether a request whose result has this media type is for a mesh. KILN_USAGE if it asks for what
// no mesh can be.
bool wants_mesh(const builtin::Json& request, const std::string& media);

struct MeshWish {
    std::string media, stem;   // kGlb, kObj or kHtml; what the first file will be called
    const builtin::Json& request;
    double before = 0;                 // the share of a run's progress that is told already
    std::function<bool()> cancelled;   // may be asked from any thread
};

// What the request's fields of the group "Mesh" say: one file, or three with .obj.
std::vector<File> mesh_of(const Splats& splats, const MeshWish& wish,
                          const builtin::Session& session, const sdk::Events& events);
std::vector<File> mesh_of(Solid& solid, const MeshWish& wish, const builtin::Session& session,
                          const sdk::Events& events);

}   // namespace kiln::shapes
