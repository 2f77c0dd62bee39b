// Meshes out of splats, as files.
#pragma once
#include "modalities/splat/splats.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::convert_plugin {

inline constexpr const char *kGlb = "model/gltf-binary", *kObj = "model/obj", *kMtl = "model/mtl",
                            *kPng = "image/png", *kHtml = "text/html";

// Whether a request whose result has this media type is for a mesh. KILN_USAGE if it asks for what
// no mesh can be.
bool wants_mesh(const builtin::Json& request, const std::string& media);

// What the request's fields of the group "Mesh" say: one file, or three with .obj. `stem` is what
// the first one will be called.
struct File {
    std::string media;
    std::vector<std::byte> bytes;
};
std::vector<File> mesh_of(const Splats& splats, const std::string& media, const std::string& stem,
                          builtin::Session& session, const builtin::Json& request,
                          const sdk::Events& events);

}   // namespace kiln::convert_plugin
