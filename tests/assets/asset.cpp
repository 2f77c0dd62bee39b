#include "modalities/splat/assets/asset.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>
#include <numeric>

#include "tests/assets/clouds.h"
#include "tests/io/files.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Splats through(const Splats& s, SplatFormat format, const SplatWriteOptions& options = {}) {
    const auto bytes = take(encode_splats(s, format, options));
    return take(
        decode_splats(bytes, "a." + std::string(extension(format)), {.axes = options.axes}));
}

constexpr size_t kSizes[] = {1, 2, 37, 257};
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

}   // namespace

TEST_CASE("PLY keeps every bit") {
    for (int degree = 0; degree <= kMaxShDegree; degree++)
        for (const size_t n : kSizes) {
            Splats s = random_cloud(n, degree);
            s.antialiased = n == 37;
            const Splats back = through(s, SplatFormat::ply);
            CHECK(back.means == s.means);
            CHECK(back.log_scales == s.log_scales);
            CHECK(back.quaternions == s.quaternions);
            CHECK(back.logits == s.logits);
            CHECK(back.sh == s.sh);
            CHECK(back.sh_degree == degree);
            CHECK(back.antialiased == s.antialiased);
        }
}

TEST_CASE("glTF keeps what f32 can") {
    for (int degree = 0; degree <= kMaxShDegree; degree++)
        for (const size_t n : kSizes) {
            const Splats s = random_cloud(n, degree), back = through(s, SplatFormat::glb);
            const Distance d = distance(s, back);
            CHECK(back.means == s.means);
            CHECK(back.sh == s.sh);
            CHECK(d.log_scale < 2e-6);
            CHECK(d.opacity < 1e-6);
            CHECK(d.angle < 0.1);
        }
}

// Half a step of each quantiser; 1e-6 for what f32 adds.
TEST_CASE("SPZ is as near as its steps are wide") {
    for (const int version : {2, 3})
        for (int degree = 0; degree <= kMaxShDegree; degree++)
            for (const size_t n : kSizes) {
                INFO("version " << version << ", degree " << degree << ", " << n << " splats");
                Splats s = random_cloud(n, degree);
                s.antialiased = n == 2;
                const Splats back = through(s, SplatFormat::spz, {.spz_version = version});
                const Distance d = distance(s, back);
                CHECK(d.mean <= 0.5 / 4096 + 1e-6);
                CHECK(d.log_scale <= 0.5 / 16 + 1e-6);
                CHECK(d.opacity <= 0.5 / 255 + 1e-6);
                CHECK(d.dc <= 0.5 / 255 / 0.15 + 1e-6);
                CHECK(d.first <= 4.0 / 128 + 1e-6);
                CHECK(d.rest <= 8.0 / 128 + 1e-6);
                CHECK(d.angle < (version == 3 ? 0.3 : 14));
                CHECK(back.antialiased == s.antialiased);
                const Splats twice = through(back, SplatFormat::spz, {.spz_version = version});
                CHECK(twice.means == back.means);
                CHECK(twice.log_scales == back.log_scales);
                CHECK(twice.logits == back.logits);
                CHECK(twice.sh == back.sh);
            }
}

TEST_CASE("SPZ gives up precision before range") {
    Splats s = random_cloud(3, 0);
    s.means[4] = 30000;
    const Splats back = through(s, SplatFormat::spz);
    CHECK(distance(s, back).mean <= 0.5 / 256);
    CHECK(back.means[4] == 30000);
    s.means[4] = 8388607;
    CHECK(through(s, SplatFormat::spz).means[4] == 8388607);
    s.means[4] = -1e9f;
    const auto refused = encode_splats(s, SplatFormat::spz);
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::usage);
    const auto old = encode_splats(random_cloud(1, 0), SplatFormat::spz, {.spz_version = 5});
    REQUIRE(!old);
    CHECK(old.error().status == Status::usage);
}

TEST_CASE(".splat keeps means and scales and eight bits of the rest, heaviest first") {
    for (const size_t n : kSizes) {
        const Splats s = random_cloud(n, 0), back = through(s, SplatFormat::splat);
        const auto weight = [](const Splats& c, size_t i) {
            return std::log(opacity(c, i)) + double(c.log_scales[i * 3]) + c.log_scales[i * 3 + 1] +
                   c.log_scales[i * 3 + 2];
        };
        std::vector<size_t> order(n);
        std::iota(order.begin(), order.end(), size_t(0));
        std::sort(order.begin(), order.end(),
                  [&](size_t a, size_t b) { return weight(s, a) > weight(s, b); });
        Splats sorted = make_splats(0, 0);
        for (const size_t i : order) {
            Splats one = make_splats(1, 0);
            std::copy_n(&s.means[i * 3], 3, one.means.begin());
            std::copy_n(&s.log_scales[i * 3], 3, one.log_scales.begin());
            std::copy_n(&s.quaternions[i * 4], 4, one.quaternions.begin());
            std::copy_n(&s.sh[i * 3], 3, one.sh.begin());
            one.logits[0] = s.logits[i];
            append(sorted, one);
        }
        const Distance d = distance(sorted, back);
        CHECK(d.mean == 0);
        CHECK(d.log_scale < 2e-6);
        CHECK(d.opacity <= 0.5 / 255 + 1e-6);
        CHECK(d.dc <= 0.5 / 255 / double(kShDc) + 1e-6);
        CHECK(d.angle < 1.3);
    }
    CHECK(through(random_cloud(5, 3), SplatFormat::splat).sh_degree == 0);
}

TEST_CASE("what has no finite logarithm is bounded, and colours beyond a format's range are cut") {
    Splats s = random_cloud(2, 1);
    s.logits = {40, -40};
    s.sh[0] = 30, s.sh[1] = -30, s.sh[3] = 2, s.sh[4] = -2;
    s.log_scales[0] = -20, s.log_scales[1] = 20;
    const Splats spz = through(s, SplatFormat::spz);
    CHECK(opacity(spz, 0) > 254.5 / 255);
    CHECK(opacity(spz, 1) < 0.5 / 255);
    CHECK(std::abs(spz.sh[0] - 0.5 / 0.15) < 1e-5);
    CHECK(std::abs(spz.sh[1] + 0.5 / 0.15) < 1e-5);
    CHECK(spz.sh[3] == 127.0f / 128);
    CHECK(spz.sh[4] == -1);
    CHECK(spz.log_scales[0] == -10);
    CHECK(spz.log_scales[1] == 5.9375f);
    const Splats glb = through(s, SplatFormat::glb);
    CHECK(glb.logits[0] == kMaxLogit);
    CHECK(opacity(glb, 1) < 1e-12);
}

TEST_CASE("files have the axes of their format unless others are named") {
    const Splats s = random_cloud(3, 3);
    for (const SplatFormat format : kSplatFormats) {
        const std::string name = "a." + std::string(extension(format));
        for (const char* axes : {"RUB", "RDF", "LDB", "LUF"}) {
            const Axes other = take(axes_named(axes));
            const auto bytes = take(encode_splats(s, format, {.axes = other}));
            if (format != SplatFormat::splat)
                CHECK(distance(s, take(decode_splats(bytes, name, {.axes = other}))).mean < 2e-4);
            const bool usual = other == default_axes(format);
            CHECK((bytes == take(encode_splats(s, format))) == usual);
        }
    }
    const auto ply = take(encode_splats(s, SplatFormat::ply));
    const Splats raw = take(decode_splats(ply, "a.ply", {.axes = kRub}));
    CHECK(raw.means[0] == s.means[0]);
    CHECK(raw.means[1] == -s.means[1]);
    CHECK(raw.means[2] == -s.means[2]);
}

TEST_CASE("a format is told by how a file begins") {
    const Splats s = random_cloud(4, 0);
    for (const SplatFormat format : {SplatFormat::ply, SplatFormat::spz, SplatFormat::glb})
        CHECK(take(decode_splats(take(encode_splats(s, format)), "renamed.splat")).size() == 4);
    const auto plain = take(encode_splats(s, SplatFormat::splat));
    CHECK(take(decode_splats(plain, "x.SPLAT")).size() == 4);
    fails_with(decode_splats(plain, "x.bin"), "expected splats (.ply, .spz, .glb or .splat)");
    fails_with(decode_splats({}, "x.ply"), "an empty file");
    fails_with(decode_splats(as_bytes("\x89PNG\r\n\x1a\n12345678"), "x.ply"), "PNG");
    fails_with(decode_splats(as_bytes("NGSP\4\0\0\0"), "x.spz"), "too short for an SPZ");
    CHECK(take(splat_format("PLY")) == SplatFormat::ply);
    CHECK(take(splat_format("glb")) == SplatFormat::glb);
    CHECK(!splat_format("obj").ok());
    CHECK(!splat_format("").ok());
}

TEST_CASE("splats that are not finite are neither read nor written") {
    struct Case {
        std::vector<float> Splats::*array;
        const char* name;
    };
    for (const Case& c : {Case{&Splats::means, "position"}, Case{&Splats::log_scales, "scale"},
                          Case{&Splats::quaternions, "rotation"}, Case{&Splats::logits, "opacity"},
                          Case{&Splats::sh, "colour"}})
        for (const float v : {kNan, kInfinity}) {
            Splats s = random_cloud(3, 1);
            (s.*c.array).back() = v;
            for (const SplatFormat format : kSplatFormats) {
                const auto refused = encode_splats(s, format);
                REQUIRE(!refused);
                CHECK(refused.error().status == Status::not_finite);
                CHECK_THAT(refused.error().message,
                           ContainsSubstring(c.name) && ContainsSubstring("splat 2"));
            }
        }
    Splats s = random_cloud(3, 0);
    std::fill_n(s.quaternions.begin() + 4, 4, 0.0f);
    CHECK(!check_splats(s).ok());
    s = random_cloud(3, 0);
    s.log_scales[5] = 31;
    CHECK(!check_splats(s).ok());
    s.log_scales.pop_back();
    CHECK_THROWS_AS((void)check_splats(s), InvariantError);
}

TEST_CASE("files appear whole or not at all") {
    TemporaryFolder folder;
    const Splats s = random_cloud(5, 2);
    for (const SplatFormat format : kSplatFormats) {
        const std::string path = folder / ("a." + std::string(extension(format)));
        take(write_splats(path, s));
        CHECK(take(read_splats(path)).size() == 5);
    }
    CHECK(folder.count() == 4);
    Splats broken = s;
    broken.means[0] = kNan;
    CHECK(!write_splats(folder / "b.ply", broken).ok());
    CHECK(!write_splats(folder / "b.obj", s).ok());
    CHECK(!write_splats(folder / "nowhere/b.ply", s).ok());
    CHECK(folder.count() == 4);
    fails_with(read_splats(folder / "none.ply"), "none.ply");
}
