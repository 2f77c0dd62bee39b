#include "plugins/sdk/registry.h"

#include <algorithm>

#include "plugins/sdk/library.h"

namespace kiln::sdk {

namespace fs = std::filesystem;

Registry::Registry(std::span<const fs::path> places) {
    for (const fs::path& place : places) {
        std::error_code ignored;
        if (!fs::is_directory(place, ignored)) {
            if (fs::exists(place, ignored)) add(place);
            continue;
        }
        std::vector<fs::path> libraries;
        for (const auto& entry : fs::directory_iterator(place, ignored))
            if (entry.path().extension() == library_extension()) libraries.push_back(entry.path());
        std::sort(libraries.begin(), libraries.end());
        for (const fs::path& library : libraries) add(library);
    }
    std::sort(plugins_.begin(), plugins_.end(),
              [](const Plugin& a, const Plugin& b) { return a.name() < b.name(); });
}

void Registry::add(const fs::path& library) {
    try {
        Plugin plugin = Plugin::load(library);
        if (const Plugin* first = find(plugin.name()))
            refused_.push_back({library, "plugin " + library.string() + ": \"" + plugin.name() +
                                             "\" is already provided by " +
                                             first->path().string()});
        else
            plugins_.push_back(std::move(plugin));
    } catch (const Failure& failure) {
        refused_.push_back({library, failure.what()});
    }
}

const Plugin* Registry::find(const std::string& name) const {
    auto it = std::find_if(plugins_.begin(), plugins_.end(),
                           [&](const Plugin& p) { return p.name() == name; });
    return it == plugins_.end() ? nullptr : &*it;
}

}   // namespace kiln::sdk
