// Windows over long latents and rings.
#include "modalities/latent/windows.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>

using namespace kiln;

namespace {

// What any network would say that looks at every value alone.
Network pointwise(std::vector<size_t>* sizes = nullptr) {
    return [sizes](const NetworkCall& call) -> Result<NetworkOutput> {
        if (sizes) sizes->push_back(call.input.size());
        NetworkOutput out;
        for (float x : call.input) {
            out.conditional.push_back(2 * x + 1);
            if (call.guided) out.unconditional.push_back(x - 3);
        }
        return out;
    };
}

Latent ramp(size_t count) {
    Latent x(count);
    for (size_t i = 0; i < count; i++) x[i] = float(std::sin(0.7 * double(i)));
    return x;
}

}   // namespace

TEST_CASE("windows cover every row, and neighbours share at least half of one") {
    const bool ring = GENERATE(false, true);
    const int height = GENERATE(9, 17, 64, 101), window = GENERATE(1, 2, 8, 13);
    CAPTURE(ring, height, window);
    const std::vector<int> starts = window_starts(height, window, ring);
    if (window >= height) {
        CHECK(starts == std::vector<int>{0});
        return;
    }
    CHECK(starts.front() == 0);
    std::vector<int> covered(size_t(height), 0);
    for (size_t i = 0; i < starts.size(); i++) {
        if (i > 0) CHECK(starts[i] - starts[i - 1] <= std::max(1, window / 2));
        if (!ring) CHECK(starts[i] + window <= height);
        for (int y = 0; y < window; y++) covered[size_t((starts[i] + y) % height)]++;
    }
    for (int count : covered) CHECK(count > 0);
    if (!ring) CHECK(starts.back() + window == height);
}

TEST_CASE("averaged over windows, a network of single values says what it says of the whole") {
    const bool ring = GENERATE(false, true), guided = GENERATE(false, true);
    const int window = GENERATE(0, 3, 8, 40);
    const LatentShape shape{.samples = 2, .channels = 3, .height = 21, .width = 5};
    const Windows windows(shape, {.height = window, .ring = ring});
    std::vector<size_t> sizes;
    const Network network = windows.over(pointwise(&sizes));
    const Latent x = ramp(2 * 3 * 21 * 5);
    for (int call = 0; call < 3; call++) {
        const NetworkCall whole{.input = x, .timestep = 1, .guided = guided, .to_go = 1};
        const auto out = take(network(whole)), expected = take(pointwise()(whole));
        REQUIRE(out.conditional.size() == x.size());
        REQUIRE(out.unconditional.size() == expected.unconditional.size());
        for (size_t i = 0; i < x.size(); i++)
            REQUIRE(std::abs(out.conditional[i] - expected.conditional[i]) < 1e-5);
        for (size_t i = 0; i < out.unconditional.size(); i++)
            REQUIRE(std::abs(out.unconditional[i] - expected.unconditional[i]) < 1e-5);
    }
    for (size_t size : sizes) CHECK(size == size_t(2 * 3 * windows.height() * 5));
}

TEST_CASE("on a ring no two calls have their edges at the same rows") {
    const Windows windows({.height = 32}, {.ring = true});
    std::vector<float> firsts;
    const Network network = windows.over([&](const NetworkCall& call) -> Result<NetworkOutput> {
        firsts.push_back(call.input[0]);
        return NetworkOutput{.conditional = Latent(call.input.begin(), call.input.end()),
                             .unconditional = {}};
    });
    Latent rows(32);
    for (size_t i = 0; i < 32; i++) rows[i] = float(i);
    for (int call = 0; call < 8; call++)
        CHECK(take(network({.input = rows, .timestep = 1, .guided = false, .to_go = 1}))
                  .conditional == rows);
    std::sort(firsts.begin(), firsts.end());
    for (size_t i = 1; i < firsts.size(); i++) CHECK(firsts[i] > firsts[i - 1]);
}

TEST_CASE("what a network refuses in a window ends the call") {
    const Windows windows({.height = 32}, {.height = 8});
    const Network network = windows.over([](const NetworkCall&) -> Result<NetworkOutput> {
        return Error{Status::interrupted, "stop"};
    });
    const Latent rows(32);
    CHECK(network({.input = rows, .timestep = 1, .guided = true, .to_go = 1}).error().status ==
          Status::interrupted);
}
