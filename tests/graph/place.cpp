#include "runtime/graph/place.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

using namespace kiln;

static bool overlap(const Lifetime& a, const Place& at, const Lifetime& b, const Place& bt) {
    bool together = a.first <= b.last && b.first <= a.last;
    bool same =
        at.block == bt.block && at.offset < bt.offset + b.bytes && bt.offset < at.offset + a.bytes;
    return together && same;
}

TEST_CASE("lifetimes that meet never share memory") {
    std::mt19937 random(7);
    for (int round = 0; round < 50; round++) {
        std::vector<Lifetime> lifetimes;
        for (int i = 0; i < 60; i++) {
            int first = int(random() % 100);
            lifetimes.push_back({1 + random() % 5000, first, first + int(random() % 20)});
        }
        Placement plan = place(lifetimes, 256, 8192);
        for (size_t i = 0; i < lifetimes.size(); i++) {
            CHECK(plan.places[i].offset % 256 == 0);
            CHECK(plan.places[i].offset + lifetimes[i].bytes <= plan.blocks[plan.places[i].block]);
            for (size_t j = 0; j < i; j++)
                REQUIRE_FALSE(overlap(lifetimes[i], plan.places[i], lifetimes[j], plan.places[j]));
        }
        for (uint64_t bytes : plan.blocks) CHECK(bytes <= 8192);
    }
}

TEST_CASE("a chain of equal tensors needs memory for two") {
    std::vector<Lifetime> chain;
    for (int i = 0; i < 10; i++) chain.push_back({1024, i, i + 1});
    Placement plan = place(chain, 256, 1 << 20);
    REQUIRE(plan.blocks.size() == 1);
    CHECK(plan.blocks[0] == 2048);
}

TEST_CASE("one lifetime above the block limit still gets a block of its own") {
    Placement plan = place({{5000, 0, 1}, {100, 0, 1}}, 256, 4096);
    REQUIRE(plan.blocks.size() == 2);
    CHECK(plan.blocks[0] == 5120);
}
