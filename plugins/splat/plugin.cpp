// kiln splat: Gaussian splats.
#include "plugins/builtin/fields.h"
#include "plugins/builtin/session.h"
#include "plugins/splat/description.h"
#include "plugins/splat/view.h"

namespace kiln::splat_plugin {

using builtin::Json;

class SplatPlugin {
public:
    explicit SplatPlugin(const sdk::Options&) {}

    static const char* describe() {
        static const std::string text = builtin::described(kDescription);
        return text.c_str();
    }
    static std::string models(const sdk::Options&) { return "[]"; }

    void run(const sdk::Request& request, const sdk::Events& events) {
        builtin::as_failures([&] {
            const Json json = Json::parse(request.json);
            const sdk::Blob* file = builtin::file_of(json, "view", request);
            if (!file) throw sdk::Failure(KILN_USAGE, "the request brings no file to view");
            view(*file, events);
        });
    }
};

}   // namespace kiln::splat_plugin

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) {
    return kiln::sdk::table<kiln::splat_plugin::SplatPlugin>();
}
