// The random views that a shape is optimised from, what prompts say of them, and what is behind.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cmath>
#include <random>
#include <set>

#include "modalities/splat/distillation/backdrop.h"
#include "modalities/splat/distillation/orbit_sampler.h"
#include "modalities/splat/raster/rasteriser.h"
#include "modalities/splat/distillation/view_words.h"

using namespace kiln;
using Catch::Matchers::WithinAbs;

namespace {

// Embeds a prompt as its length and its first letter, and remembers it.
class WordPrior : public Prior {
public:
    const PriorInfo& info() const override { return info_; }
    const NoiseSchedule& schedule() const override { throw std::logic_error("not asked for"); }
    PictureEncoder& encoder() override { throw std::logic_error("not asked for"); }
    Result<std::vector<Latent>> predict(std::span<const Evaluation>) override {
        throw std::logic_error("not asked for");
    }
    Result<PromptEmbedding> embed(const std::optional<std::string>& prompt) override {
        if (prompt == "refused") return Error{Status::usage, "refused"};
        asked.push_back(prompt.value_or("(none)"));
        return PromptEmbedding{float(asked.size()), float(asked.size() * asked.size())};
    }
    std::vector<std::string> asked;

private:
    PriorInfo info_;
};

Orbit from(double azimuth, double elevation = 10) {
    return {.azimuth = azimuth, .elevation = elevation};
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (size_t i = 0; i < a.size(); i++) sum += double(a[i]) * double(b[i]);
    return sum;
}

std::vector<float> random_values(size_t count, double low, double high, unsigned seed) {
    std::mt19937 engine(seed);
    std::vector<float> values(count);
    for (float& v : values) v = float(low + (high - low) * double(engine()) / 4294967296.0);
    return values;
}

}   // namespace

TEST_CASE("azimuths are stratified, and views stay within their ranges") {
    const OrbitRanges ranges{.azimuth = {-90, 270},
                             .elevation = {-5, 40},
                             .distance = {2, 3},
                             .field_of_view = {30, 60},
                             .overhead = 0.25,
                             .overhead_elevation = {65, 80}};
    const int strata = 6, rounds = 100;
    const OrbitSampler sampler(ranges, strata, 11);
    int overhead = 0;
    std::set<std::vector<int>> orders;
    for (int round = 0; round < rounds; round++) {
        std::vector<int> order;
        for (int i = 0; i < strata; i++) {
            const Orbit o = sampler(uint64_t(round * strata + i));
            order.push_back(int(std::floor((o.azimuth + 90) / 60)));
            CHECK(o.distance >= 2);
            CHECK(o.distance <= 3);
            CHECK(o.field_of_view >= 30);
            CHECK(o.field_of_view <= 60);
            overhead += o.elevation > 40;
            CHECK((o.elevation > 40 ? o.elevation >= 65 && o.elevation <= 80 : o.elevation >= -5));
        }
        orders.insert(order);
        CHECK(std::set<int>(order.begin(), order.end()).size() == strata);
        CHECK(*std::min_element(order.begin(), order.end()) == 0);
        CHECK(*std::max_element(order.begin(), order.end()) == strata - 1);
    }
    CHECK(orders.size() > 80);
    CHECK(std::abs(overhead - rounds * strata / 4) < 40);
}

TEST_CASE("a view is known by its index and seed alone") {
    const OrbitSampler a({}, 8, 1), again({}, 8, 1), other({}, 8, 2);
    for (const uint64_t index : {uint64_t(0), uint64_t(17), uint64_t(1) << 40}) {
        CHECK(a(index).azimuth == again(index).azimuth);
        CHECK(a(index).elevation == again(index).elevation);
        CHECK(a(index).azimuth != other(index).azimuth);
        CHECK(a(index).elevation != a(index + 1).elevation);
    }
}

TEST_CASE("prompts name the side and where its front is, and texts between two are blends") {
    WordPrior prior;
    const ViewTexts texts = take(ViewTexts::embed(prior, "a duck", "blurry",
                                                  {.words = {.front = "front of %!"}, .repel = 0}));
    CHECK(prior.asked ==
          std::vector<std::string>{"front of a duck!", "a duck, side view facing left",
                                   "a duck, side view facing right", "a duck, back view",
                                   "a duck, overhead view", "blurry"});
    struct Case {
        double azimuth;
        int near, far;
        double share;
    };
    const auto c = GENERATE(Case{0, 1, 2, 1}, Case{360, 1, 2, 1}, Case{45, 1, 2, 0.5},
                            Case{-60, 1, 3, 1. / 3}, Case{90, 2, 4, 1}, Case{-120, 3, 4, 2. / 3},
                            Case{180, 2, 4, 0}, Case{500, 2, 4, 4. / 9});
    CAPTURE(c.azimuth);
    PromptEmbedding mixed;
    const ViewText text = texts(from(c.azimuth), mixed);
    CHECK_THAT((*text.wanted)[0], WithinAbs(c.share * c.near + (1 - c.share) * c.far, 1e-6));
    CHECK_THAT((*text.wanted)[1],
               WithinAbs(c.share * c.near * c.near + (1 - c.share) * c.far * c.far, 1e-5));
    CHECK((*text.unconditional)[0] == 6);
    CHECK(text.avoided.empty());
    CHECK((*texts(from(c.azimuth, 75), mixed).wanted)[0] == 5);
}

TEST_CASE("Perp-Neg's weights keep away from the other sides") {
    WordPrior prior;
    const ViewTexts texts = take(ViewTexts::embed(prior, "a duck", {}, {.repel = 2}));
    CHECK(prior.asked.back() == "(none)");
    PromptEmbedding mixed;
    struct Case {
        double azimuth;
        int first, second;
        double weights[2];
    };
    // a exp(-b x) + c by hand, with x the share of the side that is avoided.
    const auto c =
        GENERATE(Case{0, 1, 2, {4 * std::exp(-0.5) - 2.426, 4 - 2.426}},
                 Case{-45, 1, 3, {4 * std::exp(-0.25) - 2.426, 4 * std::exp(-0.25) - 2.426}},
                 Case{90, 1, 2, {4 - 2.426, 4 * std::exp(-0.5) - 2.426}},
                 Case{135, 2, 1, {std::exp(-0.25) - 0.606, std::exp(-0.25) + 0.967}},
                 Case{-180, 3, 1, {1 - 0.606, 1 + 0.967}});
    CAPTURE(c.azimuth);
    const ViewText text = texts(from(c.azimuth), mixed);
    REQUIRE(text.avoided.size() == 2);
    CHECK((*text.avoided[0].text)[0] == float(c.first));
    CHECK((*text.avoided[1].text)[0] == float(c.second));
    for (size_t i = 0; i < 2; i++)
        CHECK_THAT(text.avoided[i].weight, WithinAbs(-2 * c.weights[i], 1e-12));
    CHECK(texts(from(c.azimuth, 70), mixed).avoided.empty());
}

TEST_CASE("a prior that refuses a prompt is heard") {
    WordPrior prior;
    const auto texts = ViewTexts::embed(prior, "a duck", "refused");
    REQUIRE(!texts);
    CHECK(texts.error().message == "refused");
}

TEST_CASE("a picture before a backdrop, and its gradient") {
    const size_t pixels = 35;
    std::vector<float> drawn = random_values(pixels * kChannels, 0, 0.1, 1);
    for (size_t p = 0; p < pixels; p++) drawn[p * kChannels + 3] += 0.4f;
    const std::array<float, 3> backdrop{0.9f, 0.2f, 0.6f};
    const std::vector<float> picture = before(drawn, backdrop),
                             slopes = random_values(pixels * 3, -1, 1, 2);
    for (size_t p = 0; p < pixels; p++)
        for (size_t c = 0; c < 3; c++)
            CHECK_THAT(picture[p * 3 + c],
                       WithinAbs(double(drawn[p * 8 + c]) +
                                     (1 - double(drawn[p * 8 + 3])) * double(backdrop[c]),
                                 1e-6));
    // Linear where nothing is cut off: the gradient is the transpose.
    const std::vector<float> by_drawn = before_backward(drawn, backdrop, slopes);
    const std::vector<float> nothing(drawn.size(), 0.0f);
    CHECK_THAT(dot(before(drawn, backdrop), slopes) - dot(before(nothing, backdrop), slopes),
               WithinAbs(dot(by_drawn, drawn), 1e-4));
}

TEST_CASE("colours beyond 0 and 1 are cut off but find their way back") {
    std::vector<float> drawn(2 * kChannels, 0.0f);
    drawn[0] = 1.5f, drawn[8] = -0.5f;
    drawn[3] = drawn[11] = 1;
    const std::array<float, 3> backdrop{};
    CHECK(before(drawn, backdrop) == std::vector<float>{1, 0, 0, 0, 0, 0});
    const std::vector<float> up(6, -1.0f), down(6, 1.0f);
    CHECK(before_backward(drawn, backdrop, up)[0] == 0);
    CHECK(before_backward(drawn, backdrop, down)[0] == 1);
    CHECK(before_backward(drawn, backdrop, up)[8] == -1);
    CHECK(before_backward(drawn, backdrop, down)[8] == 0);
}

TEST_CASE("resizing keeps planes, and its gradient is the transpose") {
    const int from = GENERATE(7, 16), to = GENERATE(5, 16, 23), channels = 3;
    const std::vector<float> x = random_values(size_t(from * from * channels), -1, 1, 3),
                             y = random_values(size_t(to * to * channels), -1, 1, 4);
    CHECK_THAT(dot(resized(x, from, to, channels), y),
               WithinAbs(dot(x, resized_backward(y, from, to, channels)), 1e-4));
    std::vector<float> plane(size_t(from * from));
    for (int i = 0; i < from * from; i++)
        plane[size_t(i)] = float(2 * (i % from + 0.5) / from - (i / from + 0.5) / from);
    const std::vector<float> other = resized(plane, from, to, 1);
    // Away from the edge, where the nearest value is all there is.
    for (int i = 4; i < to - 4; i++)
        CHECK_THAT(other[size_t(i * to + i)], WithinAbs((i + 0.5) / to, 1e-5));
    if (from == to) CHECK(resized(x, from, to, channels) == x);
}

TEST_CASE("backdrops are gray within their range, or any colour with the chance given") {
    const Backdrops backdrops{.coloured = 0.3, .darkest = 0.4, .lightest = 0.7};
    int coloured = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        const auto c = draw_backdrop(backdrops, 5, i);
        CHECK(c == draw_backdrop(backdrops, 5, i));
        if (c[0] != c[1] || c[1] != c[2]) {
            coloured++;
            continue;
        }
        CHECK(c[0] >= 0.4f);
        CHECK(c[0] <= 0.7f);
    }
    CHECK(coloured > 250);
    CHECK(coloured < 350);
}
