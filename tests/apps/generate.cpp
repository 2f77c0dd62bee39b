// The command line with the template plugin, which is built out of tree beforehand.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "tests/apps/command.h"

using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::json;
using Names = std::vector<std::string>;

static std::vector<Json> events_of(const std::string& out) {
    std::vector<Json> events;
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line);) events.push_back(Json::parse(line));
    return events;
}

TEST_CASE("words become a file named after them and the seed") {
    Workplace w;
    Finished f = w.run({"template", "A red Thing!", "--seed", "7"});
    CHECK(f.status == 0);
    CHECK(f.out == "a-red-thing-7.svg\n");
    CHECK(f.err.empty());
    CHECK_THAT(contents(w.path("a-red-thing-7.svg")), ContainsSubstring("<svg"));
}

TEST_CASE("a prompt may be the name of a command") {
    Workplace w;
    CHECK(w.run({"template", "models"}).out == "models-0.svg\n");
    CHECK(w.run({"template", "template"}).out == "template-0.svg\n");
}

TEST_CASE("a new name never overwrites, a given one does") {
    Workplace w;
    w.write("x-0.svg", "mine");
    CHECK(w.run({"template", "x"}).out == "x-0-1.svg\n");
    CHECK(contents(w.path("x-0.svg")) == "mine");
    CHECK(w.run({"template", "x", "-o", "x-0.svg"}).status == 0);
    CHECK_THAT(contents(w.path("x-0.svg")), ContainsSubstring("<svg"));
    CHECK(w.files() == Names{"x-0-1.svg", "x-0.svg"});
}

TEST_CASE("the output flag takes a file, a name without extension, or a folder") {
    Workplace w;
    fs::create_directory(w.path("d"));
    CHECK(w.run({"template", "x", "-o", "d/y.svg"}).out == "d/y.svg\n");
    CHECK(w.run({"template", "x", "-o", "z"}).out == "z.svg\n");
    CHECK(w.run({"template", "x", "-o", "d"}).out == "d/x-0.svg\n");
    CHECK(w.run({"template", "x", "-o", "many.svg", "--count", "3"}).out ==
          "many.svg\nmany-2.svg\nmany-3.svg\n");
}

TEST_CASE("words may stand between flags") {
    Workplace w;
    CHECK(w.run({"template", "--seed", "3", "x", "--size", "2"}).out == "x-3.svg\n");
    CHECK(w.run({"template", "--seed=3", "y", "-o", "z.svg"}).out == "z.svg\n");
}

TEST_CASE("flags come from the schema") {
    Workplace w;
    Finished f = w.run({"template", "--help"});
    CHECK(f.status == 0);
    for (const char* part :
         {"-s,--size INT", "integer from 1 to 64; default 8", "one of: square, circle",
          "--palette FILE", "Picture:", "-o,--output FILE"})
        CHECK_THAT(f.out, ContainsSubstring(part));
    f = w.run({"--help"});
    CHECK_THAT(f.out, ContainsSubstring("A pattern of coloured shapes, from words") &&
                          ContainsSubstring("--device"));

    CHECK(w.run({"template", "x", "-s", "2", "--shape=circle", "--frame", "-o", "a.svg"}).status ==
          0);
    std::string svg = contents(w.path("a.svg"));
    CHECK_THAT(svg, ContainsSubstring("viewBox=\"0 0 2 2\"") && ContainsSubstring("<circle") &&
                        ContainsSubstring("stroke"));
    CHECK(w.run({"template", "x", "--frame", "--no-frame", "-o", "b.svg"}).status == 0);
    CHECK_THAT(contents(w.path("b.svg")), !ContainsSubstring("stroke"));
}

TEST_CASE("a file given for a property reaches the plugin") {
    Workplace w;
    w.write("colours", "#00ff01\n");
    CHECK(w.run({"template", "x", "--palette", "colours", "-o", "a.svg"}).status == 0);
    CHECK_THAT(contents(w.path("a.svg")), ContainsSubstring("#00ff01"));
}

TEST_CASE("what is wrong is said with status 2 or 3, and nothing is written") {
    struct Case {
        Names arguments;
        int status;
        const char* message;
    };
    auto c = GENERATE(
        Case{{}, 2, "no command given"},
        Case{{"templat", "x"}, 2, "there is no command templat; did you mean template?"},
        Case{{"template"}, 2, "PROMPT is required"},
        Case{{"template", ""}, 2, "PROMPT: must not be empty"},
        Case{
            {"template", "two", "words"}, 2, "unexpected \"words\"; several words stand in quotes"},
        Case{{"template", "x", "--siez", "2"}, 2, "there is no flag --siez; did you mean --size?"},
        Case{{"template", "x", "--size", "0"}, 2, "--size: 0 is below the minimum of 1"},
        Case{{"template", "x", "--size", "2.5"}, 2, "--size: \"2.5\" is not an integer"},
        Case{{"template", "x", "--pause", "nan"}, 2, "--pause: is not a finite number"},
        Case{{"template", "x", "--shape", "star"}, 2, "--shape: star is none of: square, circle"},
        Case{{"template", "x", "--size"}, 2, "--size"},
        Case{{"template", "x", "--memory", "5Q"}, 2, "--memory: expected a size such as 6G"},
        Case{{"template", "x", "-o", "x.png"},
             2,
             "-o: .png is none of what this command makes: .svg"},
        Case{{"template", "x", "-o", "no/x.svg"}, 3, "no: there is no such folder"},
        Case{{"template", "x", "--palette", "nofile"}, 3, "nofile"},
        Case{{"inspect", "nofile"}, 3, "nofile"});
    CAPTURE(c.arguments);
    Workplace w;
    Finished f = w.run(c.arguments);
    CHECK(f.status == c.status);
    CHECK_THAT(f.err, ContainsSubstring(c.message));
    CHECK(f.out.empty());
    CHECK(w.files().empty());
}

TEST_CASE("every wrong flag is named at once") {
    Workplace w;
    Finished f = w.run({"template", "x", "--size", "0", "--shape", "star"});
    CHECK_THAT(f.err, ContainsSubstring("--size") && ContainsSubstring("--shape"));
}

TEST_CASE("a bad file is status 3 with what was expected and found") {
    Workplace w;
    w.write("colours", "red\n");
    Finished f = w.run({"template", "x", "--palette", "colours"});
    CHECK(f.status == 3);
    CHECK(f.err == "kiln: colours: expected a colour such as #ff8800, found \"red\"\n");
    CHECK(w.files() == Names{"colours"});
}

TEST_CASE("with --json there is one event a line on stdout") {
    Workplace w;
    Finished f = w.run({"template", "x", "--size", "3", "--count", "2", "--json"});
    CHECK(f.status == 0);
    auto events = events_of(f.out);
    REQUIRE(events.size() == 9);
    CHECK(events[0]["event"] == "progress");
    CHECK(events[0]["step"] == 1);
    CHECK(events[0]["total"] == 3);
    CHECK(events[0].contains("seconds_left"));
    CHECK(events[3]["event"] == "artifact");
    CHECK(events[3]["path"] == "x-0.svg");
    CHECK(events[3]["metadata"]["prompt"] == "x");
    CHECK(events[7]["path"] == "x-1.svg");
    CHECK(events[8]["event"] == "done");

    w.write("colours", "red\n");
    auto bad = events_of(w.run({"--json", "template", "x", "--palette", "colours"}).out);
    REQUIRE(bad.size() == 1);
    CHECK(bad[0]["event"] == "error");
    CHECK(bad[0]["status"] == 3);
    auto usage = events_of(w.run({"--json", "template", "x", "--size", "0"}).out);
    REQUIRE(usage.size() == 1);
    CHECK(usage[0]["status"] == 2);
}

// Waits until the run has reported its first step, or 10 s.
static void wait_for_progress(const Workplace& w) {
    for (int i = 0; i < 1000 && w.out().find("progress") == std::string::npos; i++)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

TEST_CASE("an interrupt ends the run within a step, with status 130 and no file") {
    int signal = GENERATE(SIGINT, SIGTERM);
    Workplace w;
    pid_t child = w.start({"template", "x", "--pause", "0.2", "--size", "50", "--json"});
    wait_for_progress(w);
    kill(child, signal);
    auto start = std::chrono::steady_clock::now();
    Finished f = w.wait(child);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
    CHECK(f.status == 130);
    CHECK_THAT(f.err, ContainsSubstring("interrupted"));
    CHECK(w.files().empty());
}

TEST_CASE("a second interrupt does not wait for the step") {
    Workplace w;
    pid_t child = w.start({"template", "x", "--pause", "10", "--json"});
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    kill(child, SIGINT);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    kill(child, SIGINT);
    auto start = std::chrono::steady_clock::now();
    CHECK(w.wait(child).status == 128 + SIGINT);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
    CHECK(w.files().empty());
}

TEST_CASE("what cannot be stored is status 3") {
    Workplace w;
    Finished f = w.run({"template", "x", "-o", "/proc/x.svg"});
    CHECK(f.status == 3);
    CHECK_THAT(f.err, ContainsSubstring("/proc/"));
    CHECK(f.out.empty());
}

TEST_CASE("models lists every plugin, and what was refused with the reason") {
    Workplace w;
    fs::create_directory(w.path("p"));
    fs::copy(KILN_BINARY_DIR "/template/kiln_template.so", w.path("p/b.so"));
    fs::copy(KILN_BINARY_DIR "/template/kiln_template.so", w.path("p/c.so"));
    w.write("p/a.so", "no library");
    w.plugins = w.path("p").string();
    Finished f = w.run({"models"});
    CHECK(f.status == 0);
    CHECK_THAT(f.out, ContainsSubstring("template"));
    CHECK_THAT(f.err, ContainsSubstring("a.so") &&
                          ContainsSubstring("c.so: \"template\" is already provided by"));
    CHECK(w.run({"template", "x"}).status == 0);
}

TEST_CASE("bench times the stages of a command") {
    Workplace w;
    auto rows = events_of(w.run({"bench", "template", "--json"}).out);
    REQUIRE(rows.size() >= 4);
    CHECK(rows[0]["bench"] == "template");
    CHECK(rows.back()["case"] == "warm, all");
    CHECK(rows.back()["part"] == 1.0);
    CHECK(w.files().empty());

    Finished f = w.run({"bench", "nothing"});
    CHECK(f.status == 2);
    CHECK_THAT(f.err, ContainsSubstring("matmul"));
}
