// kiln convert: files of splats through modalities/splat/assets.
#include <filesystem>

#include "modalities/splat/assets/transform.h"
#include "plugins/builtin/fields.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"
#include "plugins/convert/description.h"
#include "plugins/convert/inspect.h"
#include "plugins/convert/sheet.h"
#include "plugins/shapes/mesh.h"

namespace kiln::convert_plugin {

using builtin::Json;
using namespace shapes;

class ConvertPlugin {
public:
    explicit ConvertPlugin(const sdk::Options& options) : session_(options) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options& options) { return inspected(options); }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] { convert(request, events); });
    }

private:
    static std::optional<Axes> axes_of(const Json& json, const char* key) {
        if (!json.contains(key)) return {};
        return take(axes_named(json[key].get<std::string>()));
    }

    void convert(const sdk::Request& request, const sdk::Events& events) {
        Json json = Json::parse(request.json);
        const sdk::Blob* file = builtin::file_of(json, "input", request);
        if (!file) throw sdk::Failure(KILN_USAGE, "the request brings no input");
        events.progress(0, 2, 0, "reading");
        Splats splats = take(decode_splats(file->data, std::string(file->file_name),
                                           {.axes = axes_of(json, "input_axes")}));
        events.stop_if_cancelled();
        const int degree = splats.sh_degree;
        limit_degree(splats, json.value("degree", kMaxShDegree));
        session_.options().log(KILN_LOG_INFO, std::to_string(splats.size()) + " splats of degree " +
                                                  std::to_string(splats.sh_degree));
        const std::filesystem::path name(file->file_name);
        json["input"] = name.filename().string();
        json["splats"] = splats.size(), json["input_degree"] = degree;
        json["version"] = builtin::version();
        std::string media(request.media_type), stem(request.file_stem);
        if (stem.empty()) stem = name.stem().string();
        if (media.empty()) media = json["mesh"] ? kGlb : media_type(SplatFormat::ply);
        if (json.contains("axes") && (media == kPng || media == kHtml))
            throw sdk::Failure(KILN_USAGE, "--axes is of files of splats, which this is not to be");
        const SplatWriteOptions options{.axes = axes_of(json, "axes"),
                                        .spz_version = json["spz_version"]};
        std::vector<File> files;
        if (wants_mesh(json, media)) {
            files = mesh_of(splats, {media, stem, json, 0, [&] { return events.cancelled(); }},
                            session_, events);
        } else if (media == kPng) {
            files = {{kPng, sheet_of(splats, session_, json, events)}};
        } else {
            events.progress(1, 2, 0.5, "writing");
            files = {media == kHtml ? page_of(splats, name.stem().string(), options)
                                    : cloud_of(splats, media, options, session_)};
        }
        events.stop_if_cancelled();
        for (const File& made : files)
            events.artifact({0, made.media, stem, builtin::text_of(json), made.bytes});
    }

    builtin::Session session_;
};

}   // namespace kiln::convert_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::convert_plugin::ConvertPlugin>();
}
