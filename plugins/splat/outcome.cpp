#include "plugins/splat/outcome.h"

#include <algorithm>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/contact_sheet.h"
#include "modalities/splat/viewer/page.h"
#include "runtime/io/file.h"

namespace kiln::splat_plugin {
namespace {

const std::string kPage = "text/html", kSheet = "image/png";

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

}   // namespace

std::string media_of(std::string_view asked) {
    if (asked == kStateMedia)
        usage("-o: .fit is the state of a run, which --checkpoint keeps; name a file of splats");
    return asked.empty() ? std::string(media_type(SplatFormat::ply)) : std::string(asked);
}

void deliver(const Splats& splats, const std::string& media, const std::string& name,
             const Json& request, builtin::Session& session, const sdk::Events& events) {
    const std::string text = builtin::text_of(request);
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
