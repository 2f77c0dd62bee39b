#include "plugins/shapes/mesh.h"

#include "modalities/splat/mesh/mesh_files.h"
#include "modalities/splat/viewer/page.h"
#include "runtime/io/file.h"

namespace kiln::shapes {
namespace {

MeshOptions options_of(const MeshWish& wish, const sdk::Events& events) {
    const builtin::Json& r = wish.request;
    MeshOptions o{.resolution = r["grid"], .faces = r["faces"], .texture = r["texture"]};
    if (r.contains("threshold")) o.threshold = r["threshold"];
    o.progress = [&](std::string_view stage, int done, int total) {
        events.progress(uint32_t(done), uint32_t(total),
                        wish.before + (1 - wish.before) * done / total, std::string(stage).c_str());
    };
    o.cancelled = wish.cancelled;
    return o;
}

std::vector<File> files_of(const TexturedMesh& mesh, const MeshWish& wish,
                           const builtin::Session& session) {
    session.options().log(KILN_LOG_INFO, std::to_string(mesh.mesh.triangles.size()) +
                                             " triangles, " + std::to_string(mesh.charts) +
                                             " charts, where the density is " +
                                             std::to_string(mesh.threshold));
    if (wish.media == kObj) {
        ObjFiles files = take(obj_files(mesh, wish.stem));
        return {{kObj, std::move(files.obj)},
                {kMtl, std::move(files.mtl)},
                {kPng, std::move(files.png)}};
    }
    std::vector<std::byte> glb = take(mesh_glb_bytes(mesh));
    if (wish.media == kGlb) return {{kGlb, std::move(glb)}};
    const std::string page = viewer_page(glb, wish.stem + ".glb");
    const std::span<const std::byte> bytes = as_bytes(page);
    return {{kHtml, {bytes.begin(), bytes.end()}}};
}

}   // namespace

bool wants_mesh(const builtin::Json& request, const std::string& media) {
    if (media == kMtl)
        throw sdk::Failure(KILN_USAGE, "a .mtl is the material of a mesh: ask for its .obj");
    const bool mesh = media == kObj || request.value("mesh", false);
    if (mesh && media != kObj && media != kGlb && media != kHtml)
        throw sdk::Failure(KILN_USAGE,
                           "--mesh makes a .glb, an .obj or a .html; this is to be " + media);
    if (mesh && request.contains("axes"))
        throw sdk::Failure(KILN_USAGE, "--axes is of splats: meshes have y up (RUB)");
    return mesh;
}

std::vector<File> mesh_of(const Splats& splats, const MeshWish& wish,
                          const builtin::Session& session, const sdk::Events& events) {
    return files_of(take(extract_mesh(splats, options_of(wish, events))), wish, session);
}

std::vector<File> mesh_of(Solid& solid, const MeshWish& wish, const builtin::Session& session,
                          const sdk::Events& events) {
    return files_of(take(extract_mesh(solid, options_of(wish, events))), wish, session);
}

}   // namespace kiln::shapes
