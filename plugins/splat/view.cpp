#include "plugins/splat/view.h"

#include <filesystem>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/mesh/mesh_read.h"
#include "modalities/splat/viewer/page.h"
#include "plugins/builtin/fields.h"
#include "runtime/io/file.h"

namespace kiln::splat_plugin {
namespace {

bool is_mesh(std::string_view text, const std::filesystem::path& name) {
    return name.extension() == ".obj" ||
           (text.starts_with("glTF") && text.find("KHR_gaussian_splatting") == text.npos);
}

}   // namespace

void view(const sdk::Blob& file, const builtin::Session& session, const sdk::Events& events) {
    const std::filesystem::path name(file.file_name);
    builtin::Json about = {{"view", name.filename().string()}, {"open", true}};
    std::string page;
    if (is_mesh(as_text(file.data), name)) {
        if (name.extension() == ".obj") {
            take(parse_obj(file.data, std::string(file.file_name)));
            session.options().log(KILN_LOG_WARNING,
                                  "an .obj keeps its texture in another file, which the page does "
                                  "not get: give it both there, or make a .glb");
        }
        page = viewer_page(file.data, name.filename().string());
    } else {
        const Splats splats = take(decode_splats(file.data, std::string(file.file_name)));
        about["splats"] = splats.size();
        page = viewer_page(take(encode_splats(splats, SplatFormat::spz)),
                           name.stem().string() + ".spz");
    }
    about["version"] = builtin::version();
    events.stop_if_cancelled();
    events.artifact(
        {0, "text/html", name.stem().string(), builtin::text_of(about), as_bytes(page)});
}

}   // namespace kiln::splat_plugin
