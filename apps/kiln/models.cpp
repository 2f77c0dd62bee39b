#include <cstdio>

#include "apps/kiln/commands.h"

namespace kiln::app {

static std::string size_text(const sdk::Json& model) {
    if (!model.contains("bytes") || !model["bytes"].is_number()) return "";
    char text[32];
    std::snprintf(text, sizeof text, "%.1f MB", model["bytes"].get<double>() / 1e6);
    return text;
}

int models(const Global& global, const sdk::Registry& registry) {
    auto word = [](const sdk::Json& model, const char* key) {
        return model.contains(key) && model[key].is_string() ? model[key].get<std::string>()
                                                             : std::string();
    };
    for (const sdk::Plugin& plugin : registry.plugins()) {
        sdk::Json list = plugin.models(global.host_options());
        if (!global.json)
            std::printf("%s  %s (%s)\n", plugin.name().c_str(), plugin.summary().c_str(),
                        plugin.version().c_str());
        for (sdk::Json& model : list) {
            if (global.json) {
                sdk::Json row = {{"plugin", plugin.name()}};
                row.update(model);
                std::printf("%s\n", row.dump().c_str());
                continue;
            }
            std::printf("  %c %-28s %-12s %10s  %s\n", model.value("default", false) ? '*' : ' ',
                        word(model, "name").c_str(), word(model, "family").c_str(),
                        size_text(model).c_str(), word(model, "path").c_str());
        }
        if (!global.json && list.empty()) std::printf("    needs no model, or found none\n");
    }
    for (const auto& refusal : registry.refused())
        std::fprintf(stderr, "kiln: not loaded: %s\n", refusal.reason.c_str());
    return KILN_DONE;
}

}   // namespace kiln::app
