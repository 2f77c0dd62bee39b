// Finds the plugins of this machine.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "plugins/sdk/host.h"

namespace kiln::sdk {

class Registry {
public:
    struct Refusal {
        std::filesystem::path path;
        std::string reason;   // a sentence that names the file
    };

    // Loads every library of each place, which is a folder or one library; earlier places win where
    // two plugins bear the same name. A place that does not exist is skipped, a plugin that cannot
    // be used is in refused().
    explicit Registry(std::span<const std::filesystem::path> places);

    const std::vector<Plugin>& plugins() const { return plugins_; }   // by name
    const std::vector<Refusal>& refused() const { return refused_; }
    const Plugin* find(const std::string& name) const;

private:
    void add(const std::filesystem::path& library);

    std::vector<Plugin> plugins_;
    std::vector<Refusal> refused_;
};

}   // namespace kiln::sdk
