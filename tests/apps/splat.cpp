// kiln splat, end to end.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <thread>

#include "tests/apps/command.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

// A command xdg-open that tells what it was asked to open, and a desktop, until the end of a test.
class Desktop {
public:
    explicit Desktop(const Workplace& w) : told_(w.path("told")) {
        const fs::path command = w.path("xdg-open");
        std::ofstream(command) << "#!/bin/sh\nprintf '%s' \"$1\" > told.part\nmv told.part told\n";
        fs::permissions(command, fs::perms::owner_all);
        path_ = std::getenv("PATH");
        setenv("PATH", (command.parent_path().string() + ":" + path_).c_str(), 1);
        setenv("DISPLAY", ":7", 1), unsetenv("WAYLAND_DISPLAY");
    }
    ~Desktop() { setenv("PATH", path_.c_str(), 1), unsetenv("DISPLAY"); }
    std::string opened() const {   // which does not wait for the command
        for (int i = 0; i < 500 && !fs::exists(told_); i++)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return contents(told_);
    }

private:
    fs::path told_;
    std::string path_;
};

struct Place : Workplace {
    Place() {
        plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        std::string text = "ply\nformat ascii 1.0\nelement vertex 1\n";
        for (const char* name : {"x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0",
                                 "rot_1", "rot_2", "rot_3", "f_dc_0", "f_dc_1", "f_dc_2"})
            text += std::string("property float ") + name + "\n";
        write("cloud.ply", text + "end_header\n1 2 3 0 -3 -3 -3 1 0 0 0 0 0 0\n");
    }
};

}   // namespace

TEST_CASE("splats are shown as a page, which the desktop opens") {
    Place w;
    const Desktop desktop(w);
    const Finished f = w.run({"splat", "--view", "cloud.ply"});
    INFO(f.err);
    REQUIRE(f.status == 0);
    REQUIRE(f.out.ends_with(".html\n"));
    const fs::path page = w.path(f.out.substr(0, f.out.size() - 1));
    CHECK_THAT(contents(page), ContainsSubstring("data-name=\"cloud.spz\">H4sI"));
    CHECK(desktop.opened() == page.string());
}

TEST_CASE("without a desktop, or for a program, the page is only named") {
    Place w;
    const Desktop desktop(w);
    const Finished f = w.run({"splat", "--view", "cloud.ply", "-o", "a.html", "--json"});
    CHECK_THAT(f.out, ContainsSubstring("\"media_type\":\"text/html\""));
    unsetenv("DISPLAY");
    CHECK(w.run({"splat", "--view", "cloud.ply", "-o", "b.html"}).out == "b.html\n");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    CHECK_FALSE(fs::exists(w.path("told")));
}

TEST_CASE("a mesh is shown as it is, and what is neither is refused") {
    Place w;
    w.write("mesh.glb", "glTF and so on");
    CHECK(w.run({"splat", "--view", "mesh.glb", "-o", "mesh.html"}).status == 0);
    CHECK_THAT(contents(w.path("mesh.html")),
               ContainsSubstring("data-name=\"mesh.glb\">Z2xURiBhbmQgc28gb24=</script>"));
    w.write("square.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n");
    const Finished obj = w.run({"splat", "--view", "square.obj", "-o", "obj.html"});
    CHECK(obj.status == 0);
    CHECK_THAT(obj.err, ContainsSubstring("its texture in another file"));
    CHECK_THAT(contents(w.path("obj.html")), ContainsSubstring("data-name=\"square.obj\""));
    w.write("words.obj", "words");
    CHECK(w.run({"splat", "--view", "words.obj"}).status == 3);
    w.write("text.txt", "words");
    const Finished f = w.run({"splat", "--view", "text.txt"});
    CHECK(f.status == 3);
    CHECK_THAT(f.err, ContainsSubstring("expected splats"));
    CHECK(w.run({"splat", "--view", "gone.ply"}).status == 3);
    CHECK(w.files().size() == 7);
}

TEST_CASE("bench measures the rasteriser, although a command is called splat too", "[gpu]") {
    Place w;
    const Finished f =
        w.run({"bench", "splat", "--splats", "100", "--size", "32", "--steps", "1", "--json"});
    INFO(f.err);
    REQUIRE(f.status == 0);
    CHECK_THAT(f.out, ContainsSubstring("forward, 100 splats 32x32") &&
                          ContainsSubstring("backward, 100 splats 32x32"));
}
