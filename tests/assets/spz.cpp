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

// Version 4: the streams one after the other, each a frame of one block as it is; `table` is where
// their table begins.
std::string frame(const std::string& bytes) {
    const uint32_t block = uint32_t(bytes.size()) << 3 | 1;
    std::string out("\x28\xb5\x2f\xfd\x20", 5);
    out += char(bytes.size());
    return out.append(reinterpret_cast<const char*>(&block), 3) + bytes;
}
std::string of_streams(std::string head, const std::vector<std::string>& streams,
                       uint32_t table = 32, const std::string& extensions = "") {
    head[15] = char(streams.size());
    head.append(reinterpret_cast<const char*>(&table), 4).append(12, '\0').append(extensions);
    std::string data;
    for (const std::string& stream : streams) {
        const uint64_t sizes[] = {frame(stream).size(), stream.size()};
        head.append(reinterpret_cast<const char*>(sizes), 16);
        data += frame(stream);
    }
    return head + data;
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

TEST_CASE("a splat in streams is read as the one that is gzipped, extensions passed over") {
    const std::string harmonics("\x00\x40\x80\x81\xff\x80\x80\x80\xc0", 9);
    const std::vector<std::string> arrays = {kOne.substr(0, 9),  kOne.substr(9, 1),
                                             kOne.substr(10, 3), kOne.substr(13, 3),
                                             "\x01\x82\x03\xc4", harmonics};
    const Splats gzipped = take(parse(header(3, 1, 1, 12, 1) + kOne + arrays[4] + harmonics));
    const auto read = [](const std::string& bytes) {
        return parse_spz(as_bytes(bytes), "a.spz", 10);
    };
    for (const std::string& bytes :
         {of_streams(header(4, 1, 1, 12, 1), arrays),
          of_streams(header(4, 1, 1, 12, 3), arrays, 40, "8 bytes."),
          of_streams(header(4, 1, 1, 12, 1),
                     {arrays[0], arrays[1], arrays[2], arrays[3], arrays[4], arrays[5], "more"})}) {
        const Splats s = take(read(bytes));
        CHECK(s.antialiased);
        CHECK(s.means == gzipped.means);
        CHECK(s.quaternions == gzipped.quaternions);
        CHECK(s.log_scales == gzipped.log_scales);
        CHECK(s.logits == gzipped.logits);
        CHECK(s.sh == gzipped.sh);
    }
    const std::vector<std::string> five(arrays.begin(), arrays.end() - 1);
    CHECK(read(of_streams(header(4, 1, 0), five)).ok());   // without harmonics
    fails_with(read(of_streams(header(4, 1, 1), five)), "stream 5 has 0 bytes of the 9 expected");
    fails_with(read(of_streams(header(4, 2, 1), arrays)), "stream 0 has 9 bytes of the 18");
    fails_with(read(of_streams(header(4, 11, 1), arrays)), "at most 10 are read");
    fails_with(read(of_streams(header(4, 1, 4), arrays)), "degree 4");
    fails_with(read(of_streams(header(3, 1, 1), arrays)), "version 3 without gzip");
    fails_with(read(of_streams(header(4, 1, 1), arrays, 31)), "lies outside");
    fails_with(read(of_streams(header(4, 1, 1), arrays, 4000000000)), "lies outside");
    std::string lie = of_streams(header(4, 1, 1), arrays);
    lie[lie.find(kOne.substr(0, 9)) - 4] = 8;   // a frame that says 8 bytes
    fails_with(read(lie), "a.spz: ");
}

TEST_CASE("streams are written as they are read, about as large") {
    for (const int degree : {0, 3}) {
        const Splats s = random_cloud(2000, degree);
        const auto three = take(spz_bytes(s, 3)), four = take(spz_bytes(s, 4));
        CHECK(as_text(four).starts_with("NGSP\4"));
        CHECK(int(four[15]) == (degree ? 6 : 5));   // streams, which the spz library insists on
        CHECK(four == take(spz_bytes(s, 4)));
        const Splats a = take(parse_spz(three, "a", 2000)), b = take(parse_spz(four, "b", 2000));
        CHECK(a.means == b.means);
        CHECK(a.quaternions == b.quaternions);
        CHECK(a.sh == b.sh);
        CHECK(four.size() < three.size() * 21 / 20);
        const std::span<const std::byte> whole(four);
        for (size_t length = 0; length < four.size(); length += 97)
            if (parse_spz(whole.first(length), "a", 2000).ok()) FAIL("read " << length);
        auto damaged = four;
        damaged[four.size() / 2] ^= std::byte{0x55};
        (void)parse_spz(damaged, "a", 2000);   // read or refused, without a checksum to tell
    }
    CHECK(take(parse_spz(take(spz_bytes(make_splats(0, 3), 4)), "a", 1)).size() == 0);
    CHECK(spz_bytes(make_splats(1, 0), 5).error().status == Status::usage);
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
