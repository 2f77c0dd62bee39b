#include "plugins/convert/sheet.h"

#include "modalities/splat/contact_sheet.h"

namespace kiln::convert_plugin {

std::vector<std::byte> sheet_of(const Splats& splats, builtin::Session& session,
                                const builtin::Json& request, const sdk::Events& events) {
    const auto tell = builtin::progress_of(events, {{"drawing", 1}});
    const std::string background = request["background"];
    const float grey = background == "white"    ? 1.0f
                       : background == "silver" ? 0.75f
                       : background == "grey"   ? 0.5f
                                                : 0.0f;
    const ContactSheet sheet{.views = request["views"],
                             .size = request["size"],
                             .elevation = request["elevation"],
                             .background = {grey, grey, grey},
                             .radius = request.value("radius", 0.0),
                             .progress = [&](int done, int total) { tell("drawing", done, total); },
                             .cancelled = [&] { return events.cancelled(); }};
    const Image image = take(contact_sheet(session.device(events), splats, sheet));
    return encode_png(image, {{"kiln", builtin::text_of(request)}});
}

}   // namespace kiln::convert_plugin
