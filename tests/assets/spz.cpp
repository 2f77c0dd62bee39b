#include "modalities/splat/assets/spz.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/gzip.h"
#include "tests/assets/clouds.h"
#include "tests/io/files.h"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string header(uint32_t version, uint32_t count, int degree, int bits = 12, int flags = 0) {
    std::string bytes = "NGSP";
    bytes.append(reinterpret_cast<const char*>(&version), 4);
    bytes.append(reinterpret_cast<const char*>(&count), 4);
    return bytes + char(degree) + char(bits) + char(flags) + '\0';
}

Result<Splats> parse(const std::string& unpacked, size_t max_splats = 1000) {
    return parse_spz(gzip(as_bytes(unpacked)), "a.spz", max_splats);
}

// One splat, byte by byte.
const std::string kOne =
    std::string("\x00\x10\x00\xff\xff\xff\x00\x00\x80", 9) +   // 1, -1/4096, -2048
    "\xff" + std::string("\x00\x80\xff", 3) +                  // opacity, colour
    std::string("\x00\xa0\xff", 3);                            // scales

}   // namespace

TEST_CASE("a splat is read byte by byte as the format says") {
    const Splats s = take(parse(header(2, 1, 0) + kOne + "\xff\x80\x80"));
    CHECK(s.means == std::vector<float>{1, -1.0f / 4096, -2048});
    CHECK(opacity(s, 0) > 254.5 / 255);
    CHECK(std::abs(s.sh[0] + 0.5 / 0.15) < 1e-6);
    CHECK(std::abs(s.sh[1] - 0.5 / 255 / 0.15) < 1e-6);
    CHECK(s.log_scales == std::vector<float>{-10, 0, 5.9375});
    CHECK(s.quaternions[1] == 1);
    CHECK(s.quaternions[0] == 0);
    // The largest is w (3); x is -511/511/sqrt 2, y is 0, z is 256/511/sqrt 2.
    const uint32_t word = 3u << 30 | (512u + 511) << 20 | 0u << 10 | 256u;
    std::string rotation(reinterpret_cast<const char*>(&word), 4);
    const Splats three = take(parse(header(3, 1, 0, 0, 1) + kOne + rotation));
    CHECK(three.antialiased);
    CHECK(three.means[0] == 4096);
    CHECK(std::abs(three.quaternions[1] + std::sqrt(0.5)) < 1e-6);
    CHECK(three.quaternions[2] == 0);
    CHECK(std::abs(three.quaternions[3] - 256.0 / 511 * std::sqrt(0.5)) < 1e-6);
    CHECK(std::abs(three.quaternions[0] - std::sqrt(0.5 - 0.5 * std::pow(256.0 / 511, 2))) < 1e-6);
    const Splats first = take(parse(header(2, 1, 1) + kOne + "\x80\x80\x80" +
                                    std::string("\x00\x40\x80\x81\xff\x80\x80\x80\xc0", 9)));
    CHECK(first.sh[3] == -1);
    CHECK(first.sh[4] == -0.5f);
    CHECK(first.sh[6] == 1.0f / 128);
    CHECK(first.sh[7] == 127.0f / 128);
    CHECK(first.sh[11] == 0.5f);
}

TEST_CASE("what is written is read the same by the byte") {
    const Splats s = random_cloud(7, 1);
    const auto bytes = take(gunzip(take(spz_bytes(s, 2)), "a", 1 << 20));
    REQUIRE(bytes.size() == 16 + 7 * (19 + 9));
    CHECK(as_text(bytes).starts_with(header(2, 7, 1)));
    const auto at = [&](size_t i) { return int(bytes[16 + i]); };
    const int x = int(std::lround(s.means[0] * 4096)) & 0xffffff;
    CHECK(at(0) == (x & 255));
    CHECK(at(2) == x >> 16);
    CHECK(at(63) == int(std::lround(255 * opacity(s, 0))));
    CHECK(at(70) == int(std::lround(255 * (0.15 * s.sh[0] + 0.5))));
    CHECK(at(91) == int(std::lround(16 * (s.log_scales[0] + 10))));
    CHECK(at(133) % 8 == 0);
    CHECK(std::abs(at(133) - (128 * s.sh[3] + 128)) <= 4);
    CHECK(take(spz_bytes(s, 3)) == take(spz_bytes(s, 3)));
}

TEST_CASE("what is no SPZ, cut short or a lie is refused") {
    const auto good = take(spz_bytes(random_cloud(20, 2), 3));
    const std::span<const std::byte> whole(good);
    REQUIRE(parse_spz(whole, "a.spz", 20).ok());
    for (size_t length = 0; length < good.size(); length++)
        if (parse_spz(whole.first(length), "a.spz", 20).ok()) FAIL("read " << length << " bytes");
    fails_with(parse_spz(whole, "a.spz", 19), "claims 20 splats; at most 19 are read");
    auto damaged = good;
    damaged[good.size() / 2] ^= std::byte{0x55};
    CHECK(!parse_spz(damaged, "a.spz", 20).ok());
    fails_with(parse("NOPE" + header(2, 0, 0).substr(4)), "is gzip but not SPZ");
    fails_with(parse("NGSP"), "too short");
    for (const uint32_t version : {0u, 1u, 4u, 4000000000u})
        fails_with(parse(header(version, 1, 0) + kOne + "1234"),
                   "version " + std::to_string(version) + "; 2 and 3 are read");
    fails_with(parse(header(3, 1, 4) + kOne), "degree 4");
    fails_with(parse(header(3, 1, 0, 25) + kOne), "25 fractional bits");
    fails_with(parse(header(3, 2, 0) + kOne + "1234"), "2 splats are 56 bytes; found 36");
    fails_with(parse(header(3, 1, 0) + kOne + "1234" + "5"), "more than the expected 36 bytes");
    fails_with(parse(header(3, 900, 3) + kOne), "900 splats, which its");
    CHECK(take(parse(header(3, 0, 3))).size() == 0);
}

TEST_CASE("bytes after the splats are allowed where extensions are announced, within reason") {
    const std::string one = header(3, 1, 0, 12, 2) + kOne + "1234";
    CHECK(take(parse(one + "some extension")).size() == 1);
    fails_with(parse(one + std::string(size_t(2) << 20, 'x')), "more than the expected");
}

TEST_CASE("a bomb is refused before it goes off") {
    // 64 MiB of zeros behind one splat.
    const std::string one = header(3, 1, 0) + kOne + "1234";
    fails_with(parse(one + std::string(size_t(64) << 20, '\0')), "more than the expected 36 bytes");
    const auto bytes = gzip(as_bytes(std::string(size_t(8) << 20, '\0')));
    CHECK(bytes.size() < 10000);
    fails_with(gunzip(bytes, "b", 1000), "more than the expected 1000 bytes");
    CHECK(take(gunzip(bytes, "b", size_t(8) << 20)).size() == size_t(8) << 20);
    CHECK(take(gunzip_head(bytes, "b", 5)).size() == 5);
}
