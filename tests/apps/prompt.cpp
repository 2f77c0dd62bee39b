// kiln splat PROMPT, end to end: words in, splats out, with the default model as the prior.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

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
};

}   // namespace

TEST_CASE("a prompt becomes splats", "[gpu]") {
    Place w;
    const Finished f = w.run(w.line({"-o", "cube.ply", "--preview-every", "4"}));
    INFO(f.err);
    REQUIRE(f.status == 0);
    Json made;
    int previews = 0;
    bool timed = false;
    std::istringstream lines(f.out);
    for (std::string text; std::getline(lines, text);) {
        const Json event = Json::parse(text);
        if (event["event"] == "artifact") made = event["metadata"];
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

TEST_CASE("what a prompt cannot be combined with, and models that are not there, are refused") {
    Place w;
    CHECK(w.run(w.line({"--images", "."})).status == 2);
    CHECK(w.run(w.line({"--sh-degree", "3"})).status == 2);
    CHECK(w.run(w.line({"-m", "gone"})).status == 3);
    CHECK(w.run(w.line({"--views", "0"})).status == 2);
    CHECK(w.files().empty());
}
