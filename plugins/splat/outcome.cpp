#include "plugins/splat/outcome.h"

#include "modalities/splat/contact_sheet.h"
#include "plugins/shapes/mesh.h"

namespace kiln::splat_plugin {
namespace {

using namespace shapes;

// A mesh; nothing, and a warning, if none can be made. Who has interrupted the run waits for what
// there is; who does so now does not want to wait for that, which `stopped` tells.
template <class Of>
std::vector<File> mesh_or_none(Of& of, MeshWish wish, const builtin::Session& session,
                               const sdk::Events& events, bool& stopped) {
    if (!events.cancelled()) wish.cancelled = [&] { return events.cancelled(); };
    try {
        return mesh_of(of, wish, session, events);
    } catch (const ResultError& e) {
        session.options().log(KILN_LOG_WARNING,
                              e.error.message + "; splats are kept as .ply instead");
        stopped = e.error.status == Status::interrupted;
        return {};
    }
}

}   // namespace

Wanted wanted_of(const Json& json, const sdk::Request& request) {
    Wanted wanted{std::string(request.media_type), std::string(request.file_stem), false};
    if (wanted.media == kStateMedia)
        usage("-o: .fit is the state of a run, which --checkpoint keeps; name a file of splats");
    if (wanted.media.empty())
        wanted.media = json.value("mesh", false) ? kGlb : media_type(SplatFormat::ply);
    wanted.mesh = wants_mesh(json, wanted.media);
    return wanted;
}

Wanted without_mesh(const Wanted& wanted) {
    return {wanted.mesh ? std::string(media_type(SplatFormat::ply)) : wanted.media, wanted.stem,
            false};
}

void deliver(const Splats& splats, const Wanted& wanted, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events) {
    const std::string stem = wanted.stem.empty() ? name : wanted.stem;
    const std::string text = builtin::text_of(request);
    std::vector<File> files;
    bool stopped = false;
    if (wanted.mesh)
        files =
            mesh_or_none(splats, {wanted.media, stem, request, 1, {}}, session, events, stopped);
    if (files.empty()) {
        const std::string media = without_mesh(wanted).media;
        if (media == kPng) {
            const Image sheet = take(contact_sheet(session.device(events), splats));
            files = {{kPng, encode_png(sheet, {{"kiln", text}})}};
        } else {
            files = {media == kHtml ? page_of(splats, name, {})
                                    : cloud_of(splats, media, {}, session)};
        }
    }
    for (const File& file : files)
        events.artifact({0, file.media, wanted.mesh ? stem : name, text, file.bytes});
    if (stopped) throw sdk::Failure(KILN_INTERRUPTED, "interrupted");
}

bool deliver_mesh(Solid& solid, double before, const Wanted& wanted, const std::string& name,
                  const Json& request, const builtin::Session& session, const sdk::Events& events) {
    const std::string stem = wanted.stem.empty() ? name : wanted.stem;
    bool stopped = false;
    const std::vector<File> files =
        mesh_or_none(solid, {wanted.media, stem, request, before, {}}, session, events, stopped);
    for (const File& file : files)
        events.artifact({0, file.media, stem, builtin::text_of(request), file.bytes});
    return !files.empty();
}

}   // namespace kiln::splat_plugin
