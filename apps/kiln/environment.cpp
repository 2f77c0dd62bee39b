#include "apps/kiln/environment.h"

#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

namespace kiln::app {

static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

static std::string cache_folder() {
    if (auto own = variable("KILN_CACHE"); !own.empty()) return own;
    if (auto xdg = variable("XDG_CACHE_HOME"); !xdg.empty()) return xdg + "/kiln";
    if (auto home = variable("HOME"); !home.empty()) return home + "/.cache/kiln";
    return {};
}

Environment read_environment() {
    Environment e;
    std::string list = variable("KILN_PLUGINS");
    for (size_t begin = 0; begin < list.size();) {
        size_t end = std::min(list.find(':', begin), list.size());
        if (end > begin) e.plugins.push_back(list.substr(begin, end - begin));
        begin = end + 1;
    }
    auto prefix = executable().parent_path().parent_path();
    e.plugins.push_back(prefix / "lib/kiln/plugins");
    e.share = (prefix / "share/kiln").string();
    e.models = variable("KILN_MODELS");
    e.cache = cache_folder();
    e.no_tuning = !variable("KILN_NO_TUNING").empty();
    e.terminal = isatty(STDERR_FILENO) && variable("TERM") != "dumb";
    e.desktop = !variable("DISPLAY").empty() || !variable("WAYLAND_DISPLAY").empty();
    return e;
}

bool open_on_desktop(const std::string& path) {
    posix_spawn_file_actions_t streams;
    posix_spawn_file_actions_init(&streams);
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        posix_spawn_file_actions_addopen(&streams, stream, "/dev/null", O_RDWR, 0);
    // Not what begins with a dash, which would be an option.
    std::string file = std::filesystem::absolute(path).string(), program = "xdg-open";
    char* arguments[] = {program.data(), file.data(), nullptr};
    pid_t child = 0;
    const int failed = posix_spawnp(&child, program.c_str(), &streams, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&streams);
    return failed == 0;
}

}   // namespace kiln::app
