// kiln splat --images, end to end: pictures with cameras in, splats out.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/apps/command.h"
#include "tests/apps/scene.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

namespace {

struct Place : Workplace {
    Place() {
        plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        write_scene(path("scene"), 24, 32);
    }
    Names line(const Names& more) const {
        Names all = {"splat",       "--images", "scene",       "--splats", "1500",
                     "--sh-degree", "0",        "--no-tuning", "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
};

// The metadata of the artifact that a run made last.
Json made(const std::string& out) {
    Json last;
    std::istringstream lines(out);
    for (std::string text; std::getline(lines, text);)
        if (const Json event = Json::parse(text); event["event"] == "artifact")
            if (event["media_type"] != "application/x-kiln-fit") last = event["metadata"];
    return last;
}

}   // namespace

TEST_CASE("splats show what was held out of the pictures that they are learnt from", "[gpu]") {
    Place w;
    const Finished f =
        w.run(w.line({"-o", "scene.ply", "--steps", "400", "--preview-every", "200"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    const Json about = made(f.out);
    CHECK(about["held_out"] == 3);
    CHECK(about["done"] == 400);
    CHECK(about["count"] <= 1500);
    CHECK(about["psnr"] > 23.0);
    CHECK(about["ssim"] > 0.93);
    CHECK_THAT(contents(w.path("scene.ply")),
               ContainsSubstring("element vertex " + about["count"].dump()));
    CHECK_THAT(f.out, ContainsSubstring("\"event\":\"preview\""));
    CHECK_THAT(f.out, ContainsSubstring("seconds_left"));
    CHECK(w.files() == Names{"scene", "scene.ply"});
}

TEST_CASE("a fit becomes a mesh, with its material and texture, where there is a surface",
          "[gpu]") {
    Place w;
    const Finished f = w.run(w.line({"-o", "thing.obj", "--steps", "80"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    CHECK(w.files() == Names{"scene", "thing.mtl", "thing.obj", "thing.png"});
    CHECK_THAT(contents(w.path("thing.obj")), ContainsSubstring("mtllib thing.mtl\n"));
    CHECK_THAT(contents(w.path("thing.mtl")), ContainsSubstring("map_Kd thing.png\n"));
    const Finished glb = w.run(w.line({"-o", "thing.glb", "--mesh", "--steps", "80", "--faces",
                                       "500", "--texture", "64", "--atomics"}));
    CHECK(glb.status == 0);
    CHECK_THAT(contents(w.path("thing.glb")), ContainsSubstring("baseColorTexture"));
    CHECK_THAT(w.run({"inspect", "thing.glb"}).out, ContainsSubstring("a mesh of 500 triangles"));
    // A few faint splats have none, and are not lost for that.
    const Finished faint = w.run({"splat", "--images", "scene", "--splats", "4", "--steps", "1",
                                  "--no-tuning", "-o", "faint.obj"});
    CHECK(faint.status == 0);
    CHECK(faint.out == "faint.ply\n");
    CHECK_THAT(faint.err, ContainsSubstring("kept as .ply instead"));
}

TEST_CASE("an interrupted fit leaves splats and a state to go on from", "[gpu]") {
    Place w;
    const pid_t child = w.start(w.line({"-o", "part.spz", "--steps", "100000"}));
    for (int i = 0; i < 6000 && w.out().find("\"stage\":\"fitting\"") == std::string::npos; i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kill(child, SIGINT);
    const Finished f = w.wait(child);
    INFO(f.err);
    REQUIRE(f.status == 130);
    REQUIRE(w.files() == Names{"part.fit", "part.spz", "scene"});
    const int done = made(f.out)["done"];
    CHECK(done > 0);
    const Finished more = w.run(w.line({"-o", "whole.ply", "--steps", std::to_string(done + 3),
                                        "--resume", "part.fit", "--checkpoint", "kept.fit"}));
    INFO(more.err);
    CHECK(more.status == 0);
    CHECK(made(more.out)["done"] == done + 3);
    CHECK(w.files() == Names{"kept.fit", "part.fit", "part.spz", "scene", "whole.ply"});
    CHECK(w.run(w.line({"-o", "x.ply", "--resume", "part.spz"})).status == 3);
    CHECK(w.run(w.line({"-o", "x.ply", "--resume", "part.fit", "--size", "16"})).status == 3);
}

TEST_CASE("what splats cannot be learnt from is refused and leaves nothing") {
    Place w;
    const auto refused = [&](const Names& arguments, int status, const char* words) {
        Names all = {"splat"};
        all.insert(all.end(), arguments.begin(), arguments.end());
        const Finished f = w.run(all);
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(words));
        CHECK(w.files() == Names{"empty", "scene"});
    };
    fs::create_directory(w.path("empty"));
    refused({}, 2, "--images");
    refused({"--images", "gone"}, 3, "there is no such folder");
    refused({"--images", "empty"}, 3, "no cameras in this folder");
    refused({"--images", "scene", "--hold-out", "1"}, 2, "no picture to learn from");
    refused({"--images", "scene", "--up", "north"}, 2, "--up");
    refused({"--images", "scene", "-o", "x.fit"}, 2, "state of a run");
    refused({"--images", "scene", "-o", "x.mtl"}, 2, "ask for its .obj");
    refused({"--images", "scene", "-o", "x.spz", "--mesh"}, 2, "--mesh makes a .glb");
    std::ofstream(w.path("scene/view_107.png")) << "no picture";
    refused({"--images", "scene"}, 3, "view_107.png: expected a picture");
    fs::remove(w.path("scene/view_107.png"));
    refused({"--images", "scene"}, 3, "there is no such picture");
    write_scene(w.path("scene"), 1, 32);
    refused({"--images", "scene"}, 3, "has 1 picture");
}
