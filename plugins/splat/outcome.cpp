#include "plugins/splat/outcome.h"

#include <algorithm>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/contact_sheet.h"
#include "modalities/splat/mesh/mesh_files.h"
#include "modalities/splat/viewer/page.h"
#include "runtime/io/file.h"

namespace kiln::splat_plugin {
namespace {

const std::string kPage = "text/html", kSheet = "image/png", kObj = "model/obj", kMtl = "model/mtl";

std::vector<std::byte> page_of(const Splats& splats, const std::string& name) {
    const auto cloud = take(encode_splats(splats, SplatFormat::spz));
    const std::string page = viewer_page(cloud, name + ".spz");
    const std::span<const std::byte> bytes = as_bytes(page);
    return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> cloud_of(const Splats& splats, const std::string& media,
                                const builtin::Session& session) {
    const auto format = *std::find_if(std::begin(kSplatFormats), std::end(kSplatFormats),
                                      [&](SplatFormat f) { return media_type(f) == media; });
    if (format == SplatFormat::splat && splats.sh_degree > 0)
        session.options().log(KILN_LOG_WARNING,
                              ".splat has no place for spherical harmonics: colours no longer "
                              "change with the view");
    return take(encode_splats(splats, format));
}

// A mesh in three files; false, and a warning, if none can be made.
bool deliver_mesh(const Splats& splats, const std::string& stem, const std::string& text,
                  const builtin::Session& session, const sdk::Events& events) {
    const auto mesh = extract_mesh(splats);
    const auto files = mesh ? obj_files(*mesh, stem) : Result<ObjFiles>(mesh.error());
    if (!files) {
        session.options().log(KILN_LOG_WARNING,
                              files.error().message + "; the splats are kept as .ply instead");
        return false;
    }
    events.artifact({0, kObj, stem, text, files->obj});
    events.artifact({0, kMtl, stem, text, files->mtl});
    events.artifact({0, kSheet, stem, text, files->png});
    return true;
}

}   // namespace

Wanted wanted_of(const sdk::Request& request) {
    const std::string_view asked = request.media_type;
    if (asked == kMtl) usage("-o: a .mtl is the material of a mesh; name its .obj");
    if (asked == kStateMedia)
        usage("-o: .fit is the state of a run, which --checkpoint keeps; name a file of splats");
    return {std::string(asked.empty() ? media_type(SplatFormat::ply) : asked),
            std::string(request.file_stem)};
}

void deliver(const Splats& splats, const Wanted& wanted, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events) {
    const std::string text = builtin::text_of(request);
    const std::string stem = wanted.stem.empty() ? name : wanted.stem;
    std::string media = wanted.media;
    if (media == kObj) {
        if (deliver_mesh(splats, stem, text, session, events)) return;
        media = media_type(SplatFormat::ply);
    }
    std::vector<std::byte> bytes;
    if (media == kSheet) {
        const Image sheet = take(contact_sheet(session.device(events), splats));
        bytes = encode_png(sheet, {{"kiln", text}});
    } else {
        bytes = media == kPage ? page_of(splats, name) : cloud_of(splats, media, session);
    }
    events.artifact({0, media, name, text, bytes});
}

}   // namespace kiln::splat_plugin
