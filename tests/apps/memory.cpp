// Device memory that does not suffice, as a user of kiln image sees it.
#include <catch2/catch_test_macros.hpp>
#include <regex>

#include "tests/apps/command.h"
#include "tests/image/models.h"

using namespace kiln::test;

namespace {

// Pictures of a small model within a limit.
struct Limited {
    Workplace place;
    TemporaryFolder model{"apps-memory"};

    Limited() {
        place.plugins = KILN_BINARY_DIR "/lib/kiln/plugins";
        write_model("sd1", model.path);
    }
    Finished run(int mebibytes, const char* width, const char* height) const {
        return place.run({"image",
                          "a red cube",
                          "--model",
                          model.path.string(),
                          "--width",
                          width,
                          "--height",
                          height,
                          "--steps",
                          "1",
                          "--count",
                          "2",
                          "--batch",
                          "2",
                          "--vae-tile",
                          "off",
                          "--no-tuning",
                          "--memory",
                          std::to_string(mebibytes) + "M",
                          "-o",
                          "cube.png"});
    }
    // MiB that would do, as the refusal says.
    int refused(const Finished& f) const {
        CHECK(f.status == 5);
        CHECK(f.out.empty());
        CHECK(place.files().empty());
        std::smatch needed;
        const std::regex says("would fit within (\\d+)\\.0 MiB");
        REQUIRE(std::regex_search(f.err, needed, says));
        return std::stoi(needed[1]);
    }
};

}   // namespace

TEST_CASE("what does not fit is status 5 with what would, and nothing is written", "[gpu]") {
    const Limited limited;
    int limit = 1;   // MiB; each network in turn says what it needs
    Finished last = limited.run(limit, "384", "256");
    if (last.status == 4) SKIP(last.err);
    int refusals = 0;
    for (; last.status != 0; last = limited.run(limit, "384", "256")) {
        INFO(last.err);
        const int enough = limited.refused(last);
        REQUIRE(enough > limit);
        REQUIRE(++refusals < 5);
        limit = enough;
    }
    CHECK(refusals > 1);
    CHECK(last.out == "cube.png\ncube-2.png\n");
    CHECK(limited.place.files() == std::vector<std::string>{"cube-2.png", "cube.png"});
}

TEST_CASE("status 5 comes after all that can be given up", "[gpu]") {
    const Limited limited;
    const Finished f = limited.run(20, "1024", "768");
    if (f.status == 4) SKIP(f.err);
    INFO(f.err);
    CHECK(limited.refused(f) > 20);
    size_t at = 0;
    for (const char* rung :
         {"now guidance in two passes", "now 1 at once", "now weights from the host in each pass",
          "now guidance in two passes", "within what is there"}) {
        CAPTURE(rung);
        at = f.err.find(rung, at);
        REQUIRE(at != std::string::npos);
    }
}
