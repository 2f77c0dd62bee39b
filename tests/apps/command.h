// Runs kiln as a user would: in an empty folder, with the template plugin, its streams in files.
#pragma once
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace kiln::test {

namespace fs = std::filesystem;

inline std::string contents(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

struct Finished {
    int status = -1;   // exit status; 128 + the signal that ended it
    std::string out, err;
};

// A working folder of its own, removed at the end.
class Workplace {
public:
    Workplace() {
        std::string pattern = (fs::temp_directory_path() / "kiln-test-XXXXXX").string();
        folder_ = mkdtemp(pattern.data());
        fs::create_directory(folder_ / "work");
        plugins = KILN_BINARY_DIR "/template";
    }
    ~Workplace() {
        std::error_code ignored;
        fs::permissions(folder_ / "work", fs::perms::owner_all, ignored);
        fs::remove_all(folder_, ignored);
    }
    Workplace(const Workplace&) = delete;

    fs::path path(const std::string& name) const { return folder_ / "work" / name; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name)) << text;
    }

    // Names of what lies in the folder, hidden files too.
    std::vector<std::string> files() const {
        std::vector<std::string> names;
        for (const auto& entry : fs::directory_iterator(folder_ / "work"))
            names.push_back(entry.path().filename());
        std::sort(names.begin(), names.end());
        return names;
    }

    pid_t start(const std::vector<std::string>& arguments) const {
        pid_t child = fork();
        if (child != 0) return child;
        bool ready = chdir(path("").c_str()) == 0 &&
                     setenv("KILN_PLUGINS", plugins.c_str(), 1) == 0 &&
                     setenv("KILN_CACHE", (folder_ / "cache").c_str(), 1) == 0;
        redirect("out", STDOUT_FILENO), redirect("err", STDERR_FILENO);
        std::vector<char*> argv = {const_cast<char*>("kiln")};
        for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
        argv.push_back(nullptr);
        if (ready) execv(KILN_BINARY_DIR "/bin/kiln", argv.data());
        _exit(127);
    }
    Finished wait(pid_t child) const {
        int state = 0;
        waitpid(child, &state, 0);
        int status = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
        return {status, contents(folder_ / "out"), contents(folder_ / "err")};
    }
    Finished run(const std::vector<std::string>& arguments) const { return wait(start(arguments)); }
    std::string out() const { return contents(folder_ / "out"); }   // so far

    std::string plugins;   // KILN_PLUGINS

private:
    void redirect(const char* name, int target) const {
        int file = open((folder_ / name).c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
        dup2(file, target);
    }
    fs::path folder_;
};

}   // namespace kiln::test
