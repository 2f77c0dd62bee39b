// What surrounds the process: the one place that reads environment variables and asks where the
// executable lies.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace kiln::app {

// KILN_PLUGINS    folders or libraries with more plugins, before those that came with Kiln
// KILN_MODELS     folders with models
// KILN_CACHE      folder for compiled pipelines and what was measured of devices; default: kiln/
//                 in XDG_CACHE_HOME or ~/.cache
// KILN_NO_TUNING  not empty: as --no-tuning
// The lists are joined by ':'.
struct Environment {
    std::vector<std::filesystem::path> plugins;   // in the order that they are searched
    std::string models;
    std::string share;   // share/kiln beside bin/
    std::string cache;   // "" if there is no home to put it in
    bool no_tuning = false;
    bool terminal = false;   // stderr is one that can redraw a line
};

Environment read_environment();

std::filesystem::path executable();   // of this process; one .cpp for each family of systems

}   // namespace kiln::app
