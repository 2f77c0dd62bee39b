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
    bool desktop = false;    // there is one (DISPLAY or WAYLAND_DISPLAY), to open results with
};

Environment read_environment();

// Opens a file with the program that the desktop has for it (xdg-open), without waiting for that;
// false if there is no such command.
bool open_on_desktop(const std::string& path);

std::filesystem::path executable();   // of this process; one .cpp for each family of systems

}   // namespace kiln::app
