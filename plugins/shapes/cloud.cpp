#include "plugins/shapes/cloud.h"

#include <algorithm>

#include "modalities/splat/viewer/page.h"
#include "runtime/io/file.h"

namespace kiln::shapes {

File cloud_of(const Splats& splats, const std::string& media, const SplatWriteOptions& options,
              const builtin::Session& session) {
    const auto format = std::find_if(std::begin(kSplatFormats), std::end(kSplatFormats),
                                     [&](SplatFormat f) { return media_type(f) == media; });
    if (format == std::end(kSplatFormats)) usage(media + ": no format of splats");
    if (*format == SplatFormat::splat && splats.sh_degree > 0)
        session.options().log(KILN_LOG_WARNING,
                              ".splat has no place for spherical harmonics: colours no longer "
                              "change with the view");
    return {media, take(encode_splats(splats, *format, options))};
}

File page_of(const Splats& splats, const std::string& stem, const SplatWriteOptions& options) {
    if (splats.size() == 0) usage("there are no splats to show");
    const auto cloud = take(encode_splats(splats, SplatFormat::spz, options));
    const std::string page = viewer_page(cloud, stem + ".spz");
    const std::span<const std::byte> bytes = as_bytes(page);
    return {kHtml, {bytes.begin(), bytes.end()}};
}

}   // namespace kiln::shapes
