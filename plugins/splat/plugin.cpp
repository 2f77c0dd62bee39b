// kiln splat: requests to modalities/splat, splats back.
#include "plugins/builtin/fields.h"
#include "plugins/splat/description.h"
#include "plugins/splat/field_command.h"
#include "plugins/splat/fit_command.h"
#include "plugins/splat/prompt_command.h"
#include "plugins/splat/view.h"

namespace kiln::splat_plugin {

class SplatPlugin {
public:
    explicit SplatPlugin(const sdk::Options& options) : session_(options) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options&) { return "[]"; }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] {
            const Json json = Json::parse(request.json);
            if (const sdk::Blob* file = builtin::file_of(json, "view", request))
                return view(*file, session_, events);
            const Wanted wanted = wanted_of(json, request);
            if (json.contains("prompt"))
                return prompts_.run(json, request, wanted, session_, events);
            if (json.contains("image"))
                usage("--image: say what it shows, too, for the sides that it does not");
            if (!json.contains("images"))
                usage(
                    "nothing to make splats of: say what, or name a folder of pictures with "
                    "--images");
            if (is_field(json)) return fit_field(json, wanted, session_, events);
            fit_pictures(json, wanted, session_, events);
        });
    }

private:
    builtin::Session session_;
    PromptCommand prompts_;
};

}   // namespace kiln::splat_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::splat_plugin::SplatPlugin>();
}
