// kiln splat PROMPT, end to end: words in, splats out, with the default model as the prior.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "runtime/io/file.h"
#include "runtime/io/image.h"
#include "tests/apps/command.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

namespace {

struct Place : Workplace {
    Place() { plugins = KILN_BINARY_DIR "/lib/kiln/plugins"; }
    Names line(const Names& more) const {
        Names all = {"splat", "a red cube", "--steps", "8",           "--splats",
                     "200",   "--seed",     "5",       "--no-tuning", "--json"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // A red square on white, of a picture of so many pixels a side.
    void picture(const std::string& name, int size, int square) const {
        Image image{size, size, 3, std::vector<uint8_t>(size_t(size) * size_t(size) * 3, 255)};
        for (int y = 0; y < square; y++)
            for (int x = 0; x < square; x++)
                for (size_t k = 1; k < 3; k++)
                    image.pixels[size_t((y + 20) % size * size + (x + 30) % size) * 3 + k] = 30;
        take(write_file(path(name), encode_png(image)));
    }
};

// The metadata of the artifact that a run made last.
Json made_in(const std::string& out) {
    Json last;
    std::istringstream lines(out);
    for (std::string text; std::getline(lines, text);)
        if (const Json event = Json::parse(text); event["event"] == "artifact")
            last = event["metadata"];
    return last;
}

}   // namespace

TEST_CASE("a prompt becomes splats", "[gpu]") {
    Place w;
    const Finished f = w.run(w.line({"-o", "cube.ply", "--preview-every", "4"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    const Json made = made_in(f.out);
    int previews = 0;
    bool timed = false;
    std::istringstream lines(f.out);
    for (std::string text; std::getline(lines, text);) {
        const Json event = Json::parse(text);
        previews += event["event"] == "preview";
        timed |= event.contains("seconds_left");
    }
    CHECK(made["prompt"] == "a red cube");
    CHECK(made["background"] == "on a plain background");
    CHECK(made["done"] == 8);
    CHECK(made["count"] == 200);
    CHECK(made["cfg"] == 20);
    CHECK(previews == 2);
    CHECK(timed);
    CHECK_THAT(contents(w.path("cube.ply")), ContainsSubstring("element vertex 200"));
    CHECK(w.files() == Names{"cube.ply"});
}

TEST_CASE("a prompt becomes a radiance field, and splats of it", "[gpu]") {
    Place w;
    const Finished f = w.run(w.line({"--representation", "nerf", "-o", "cube.ply"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    const Json made = made_in(f.out);
    CHECK(made["representation"] == "nerf");
    CHECK(made["done"] == 8);
    CHECK(made["count"] == 200);
    CHECK_THAT(contents(w.path("cube.ply")), ContainsSubstring("element vertex 200"));
    CHECK(w.files() == Names{"cube.ply"});
    for (const Names& more :
         {Names{"--growth", "adaptive"}, Names{"--antialiased"}, Names{"--image", "red.png"}}) {
        w.picture("red.png", 64, 20);
        Names all = w.line({"--representation", "nerf", "-o", "x.ply"});
        all.insert(all.end(), more.begin(), more.end());
        const Finished refused = w.run(all);
        CHECK(refused.status == 2);
        CHECK_THAT(refused.err, ContainsSubstring(more[0] + " and --representation nerf"));
    }
}

TEST_CASE("an interrupted run from a prompt goes on to the same splats", "[gpu][.nightly]") {
    Place w;
    const pid_t child = w.start(w.line({"-o", "part.ply"}));
    for (int i = 0; i < 6000 && w.out().find("\"stage\":\"distilling\"") == std::string::npos; i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    kill(child, SIGINT);
    const Finished stopped = w.wait(child);
    INFO(stopped.err);
    REQUIRE(stopped.status == 130);
    REQUIRE(w.files() == Names{"part.fit", "part.ply"});
    REQUIRE(w.run(w.line({"-o", "whole.ply"})).status == 0);
    const Finished f = w.run(w.line({"-o", "rest.ply", "--resume", "part.fit"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    CHECK(contents(w.path("rest.ply")) == contents(w.path("whole.ply")));
    CHECK(contents(w.path("part.ply")) != contents(w.path("whole.ply")));
    const Finished other = w.run(w.line({"--resume", "part.fit", "--negative", "blue"}));
    CHECK(other.status == 3);
    CHECK_THAT(other.err, ContainsSubstring("another prompt"));
}

TEST_CASE("a picture and a prompt become splats that look like it", "[gpu]") {
    Place w;
    w.picture("cube.png", 90, 40);
    const Finished f = w.run(w.line({"--image", "cube.png", "--image-azimuth", "90",
                                     "--image-elevation", "5", "--steps", "30", "-o", "cube.ply"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    const Json made = made_in(f.out);
    CHECK(made["image"] == "cube.png");
    CHECK(made["image_azimuth"] == 90);
    CHECK(made["done"] == 30);
    CHECK(made["psnr"] > 14.0);
    CHECK(made["overlap"] > 0.6);
    CHECK_THAT(f.out, ContainsSubstring("the picture from its side"));
    CHECK(w.files() == Names{"cube.ply", "cube.png"});
}

TEST_CASE("pictures that no shape can be made of are refused") {
    Place w;
    w.picture("cube.png", 90, 40);
    w.picture("nothing.png", 90, 0);
    w.picture("dot.png", 1, 1);
    w.write("broken.png", contents(w.path("cube.png")).substr(0, 90));
    w.write("words.png", "no picture");
    const auto refused = [&](const Names& more, int status, const std::string& said) {
        const Finished f = w.run(w.line(more));
        INFO(f.err);
        CHECK(f.status == status);
        CHECK_THAT(f.err, ContainsSubstring(said));
    };
    refused({"--image", "gone.png"}, 3, "gone.png");
    refused({"--image", "broken.png"}, 3, "broken.png");
    refused({"--image", "words.png"}, 3, "words.png");
    refused({"--image", "dot.png"}, 3, "1 x 1");
    refused({"--image", "nothing.png"}, 2, "nothing stands out");
    refused({"--image", "cube.png", "--mask", "dot.png"}, 2, "a mask of 1 x 1");
    refused({"--image", "cube.png", "--mask", "words.png"}, 3, "words.png");
    refused({"--image", "cube.png", "--image-azimuth", "nan"}, 2, "azimuth");
    refused({"--image", "cube.png", "--image-elevation", "91"}, 2, "elevation");
    refused({"--image", "cube.png", "--image-fill", "0"}, 2, "fill");
    refused({"--image-fill", "0.5"}, 2, "--image");
    refused({"--mask", "cube.png"}, 2, "--image");
    refused({"--image-azimuth", "3"}, 2, "--image");
    const Finished unsaid = w.run({"splat", "--image", "cube.png"});
    CHECK(unsaid.status == 2);
    CHECK_THAT(unsaid.err, ContainsSubstring("say what it shows"));
}

TEST_CASE("what a prompt cannot be combined with, and models that are not there, are refused") {
    Place w;
    CHECK(w.run(w.line({"--images", "."})).status == 2);
    CHECK(w.run(w.line({"--sh-degree", "3"})).status == 2);
    CHECK(w.run(w.line({"-m", "gone"})).status == 3);
    CHECK(w.run(w.line({"--views", "0"})).status == 2);
    CHECK(w.files().empty());
}
