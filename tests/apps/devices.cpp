// kiln devices: what is known of each device, before and after its kernels are measured.
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "tests/apps/command.h"

using namespace kiln::test;

TEST_CASE("devices measures the kernels of the chosen device on demand, and then knows", "[gpu]") {
    Workplace place;
    const Finished before = place.run({"devices", "--json"});
    if (before.status == 4) SKIP(before.err);
    REQUIRE(before.status == 0);
    auto chosen = [](const std::string& lines) {
        std::istringstream stream(lines);
        for (std::string line; std::getline(stream, line);)
            if (auto row = nlohmann::json::parse(line); row.value("chosen", false)) return row;
        return nlohmann::json();
    };
    CHECK(chosen(before.out).at("tuning").is_null());
    CHECK(place.run({"devices"}).out.find("tested and measured at the first use") !=
          std::string::npos);

    const Finished tuned = place.run({"devices", "--tune"});
    INFO(tuned.err);
    REQUIRE(tuned.status == 0);
    CHECK(tuned.out.find("kernels tested") != std::string::npos);
    const auto known = chosen(place.run({"devices", "--json"}).out).at("tuning");
    CHECK(known.at("speeds").is_object());
    // A busy machine may not be done within the time allowed, but nothing is wrong.
    for (const auto& [variant, reason] : known.at("not_used").items()) {
        INFO(variant);
        CHECK(reason == "not tested within the time and memory allowed");
    }
}
