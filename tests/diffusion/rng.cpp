#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "modalities/diffusion/brownian.h"
#include "modalities/diffusion/rng.h"

namespace kiln {
namespace {

nlohmann::json golden() {
    std::ifstream file(std::string(KILN_GOLDEN_DIR) + "/diffusion/noise.json");
    REQUIRE(file.good());
    return nlohmann::json::parse(file);
}

}   // namespace

TEST_CASE("normal draws are torch's to the bit, and the state carries over") {
    for (const auto& row : golden()["sequences"]) {
        TorchGenerator generator(row["seed"].get<uint64_t>());
        for (const auto& values : row["values"]) {
            const auto expected = values.get<std::vector<float>>();
            std::vector<float> drawn(expected.size());
            generator.normal(drawn);
            INFO("seed " << row["seed"] << ", " << drawn.size() << " values");
            CHECK(drawn == expected);
        }
    }
}

TEST_CASE("the low 32 bits of a seed decide") {
    std::vector<float> a(20), b(20);
    TorchGenerator(5).normal(a);
    TorchGenerator(5 + (uint64_t(1) << 32)).normal(b);
    CHECK(a == b);
}

TEST_CASE("philox draws are those of the reference vector, and the next call differs") {
    const float expected[] = {-0.92466259f, -0.42534415f, -2.6438457f,  0.14518388f,
                              -0.12086647f, -0.57972564f, -0.62285122f, -0.32838709f};
    PhiloxGenerator generator(0);
    std::vector<float> drawn(8), next(8);
    generator.normal(drawn);
    generator.normal(next);
    for (int i = 0; i < 8; ++i) CHECK(std::fabs(drawn[i] - expected[i]) < 1e-6f);
    CHECK(drawn != next);
}

TEST_CASE("seed sequences are numpy's") {
    CHECK(seed_sequence(0, {}, 24, 3) ==
          std::vector<uint32_t>{4025752534u, 2687548107u, 2326983537u});
    const uint32_t root[] = {0, 0}, right[] = {1, 1};
    CHECK(seed_sequence(0, root, 24, 4) ==
          std::vector<uint32_t>{245430115u, 3436620678u, 4120055464u, 1627243804u});
    CHECK(seed_sequence(0, right, 24, 4) ==
          std::vector<uint32_t>{712187387u, 1606772624u, 2046284749u, 1855274158u});
    CHECK(seed_sequence(42, root, 24, 4) ==
          std::vector<uint32_t>{2102017995u, 2891809698u, 2144110403u, 379559146u});
}

TEST_CASE("Brownian increments are torchsde's") {
    for (const auto& row : golden()["trees"]) {
        const BrownianTree tree(row["range"][0], row["range"][1], row["count"],
                                {row["seed"].get<uint64_t>()});
        const auto expected = row["values"].get<std::vector<float>>();
        std::vector<float> drawn(expected.size());
        tree.noise(row["step"][0], row["step"][1], drawn);
        double worst = 0;
        for (size_t k = 0; k < drawn.size(); ++k)
            worst = std::max(worst, double(std::fabs(drawn[k] - expected[k])));
        INFO("seed " << row["seed"] << ", step " << row["step"].dump());
        CHECK(worst < 1e-5);
    }
}

TEST_CASE("Brownian increments over adjacent steps add up") {
    const BrownianTree tree(0.03, 14.6, 20, {3});
    std::vector<float> whole(20), first(20), second(20);
    tree.noise(9, 1, whole);
    tree.noise(9, 4, first);
    tree.noise(4, 1, second);
    for (int k = 0; k < 20; ++k) {
        const double sum = first[k] * std::sqrt(5.0) + second[k] * std::sqrt(3.0);
        CHECK(std::fabs(whole[k] * std::sqrt(8.0) - sum) < 1e-4);
    }
}

TEST_CASE("a sample's noise does not depend on its neighbours when each has a seed") {
    const uint64_t both[] = {3, 9}, alone[] = {9};
    for (const char* kind : {"torch", "philox"}) {
        const auto pair = take(make_noise(kind, both)), single = take(make_noise(kind, alone));
        std::vector<float> x(48), y(24);
        for (int draw = 0; draw < 2; ++draw) {
            pair->fill(x);
            single->fill(y);
            CHECK(std::equal(y.begin(), y.end(), x.begin() + 24));
        }
    }
    const BrownianTree trees(0.03, 14.6, 40, {3, 9}), tree(0.03, 14.6, 20, {9});
    std::vector<float> x(40), y(20);
    trees.noise(5, 2, x);
    tree.noise(5, 2, y);
    CHECK(std::equal(y.begin(), y.end(), x.begin() + 20));
}

TEST_CASE("an unknown noise source and no seed are errors") {
    const uint64_t seeds[] = {1};
    const auto unknown = make_noise("gpu", seeds);
    REQUIRE(!unknown.ok());
    CHECK(unknown.error().message.find("torch, philox") != std::string::npos);
    CHECK(!make_noise("torch", {}).ok());
}

}   // namespace kiln
