// Whatever values a cloud has, a file has none that is not finite.
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <limits>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/glb.h"
#include "runtime/io/file.h"
#include "tests/assets/clouds.h"

using namespace kiln;
using namespace kiln::test;

namespace {

using Limits = std::numeric_limits<float>;
constexpr float kPoisons[] = {Limits::quiet_NaN(),
                              Limits::infinity(),
                              -Limits::infinity(),
                              Limits::max(),
                              Limits::lowest(),
                              Limits::min(),
                              Limits::denorm_min(),
                              -Limits::denorm_min(),
                              0.0f,
                              -0.0f,
                              1e-30f,
                              1e30f,
                              -1e30f,
                              40,
                              -40,
                              30.5f,
                              8388607,
                              1e10f};

float float_at(std::span<const std::byte> bytes, size_t at) {
    float v;
    std::memcpy(&v, bytes.data() + at, sizeof v);
    return v;
}

// The numbers that the bytes of a file hold as floats, read without Kiln's own readers of splats.
std::vector<float> floats_in(std::span<const std::byte> bytes, SplatFormat format) {
    std::vector<float> found;
    if (format == SplatFormat::ply) {
        const std::string_view end = "end_header\n";
        const size_t begin = as_text(bytes).find(end) + end.size();
        for (size_t at = begin; at < bytes.size(); at += 4) found.push_back(float_at(bytes, at));
    } else if (format == SplatFormat::splat) {
        for (size_t at = 0; at < bytes.size(); at += 32)
            for (size_t i = 0; i < 6; i++) found.push_back(float_at(bytes, at + i * 4));
    } else if (format == SplatFormat::glb) {
        const Glb glb = take(parse_glb(bytes, "a.glb"));
        for (size_t i = 0; i < glb.document["accessors"].size(); i++)
            if (glb.document["accessors"][i]["componentType"] == 5126) {
                const auto view = view_bytes(glb, int64_t(i));
                for (size_t at = 0; at < view.size(); at += 4) found.push_back(float_at(view, at));
            }
    }
    return found;
}

// Lengths of the rotations in a .glb.
void check_rotations(std::span<const std::byte> bytes) {
    const Glb glb = take(parse_glb(bytes, "a.glb"));
    const auto& attributes = glb.document["meshes"][0]["primitives"][0]["attributes"];
    const auto q = accessor_values(glb, attributes["KHR_gaussian_splatting:ROTATION"], 4, 100);
    for (size_t i = 0; i < q.size(); i += 4)
        CHECK(std::abs(std::hypot(std::hypot(q[i], q[i + 1]), std::hypot(q[i + 2], q[i + 3])) - 1) <
              1e-5f);
}

void check_file(const Splats& s, SplatFormat format) {
    const auto bytes = encode_splats(s, format);
    if (!bytes) {
        const Status status = bytes.error().status;
        CHECK((status == Status::not_finite || (status == Status::usage && check_splats(s).ok())));
        return;
    }
    for (const float v : floats_in(*bytes, format))
        if (!std::isfinite(v)) FAIL("a number in a ." << extension(format) << " is not finite");
    if (format == SplatFormat::glb) check_rotations(*bytes);
    const auto again = decode_splats(*bytes, "a." + std::string(extension(format)));
    REQUIRE(again);
    CHECK(again->size() == s.size());
    CHECK(check_splats(*again).ok());
}

}   // namespace

TEST_CASE("no value of a cloud brings one that is not finite into a file") {
    Random random(3);
    for (int round = 0; round < 600; round++) {
        Splats s = random_cloud(4, round % 4, uint32_t(round));
        std::vector<float>* arrays[] = {&s.means, &s.log_scales, &s.quaternions, &s.logits, &s.sh};
        for (int i = round % 3; i >= 0; i--) {
            auto& array = *arrays[size_t(random(0, 5))];
            array[size_t(random(0, double(array.size())))] =
                kPoisons[size_t(random(0, double(std::size(kPoisons))))];
        }
        for (const SplatFormat format : kSplatFormats) check_file(s, format);
    }
}

TEST_CASE("rotations of any length that is one are written as what they turn") {
    for (const float length : {1e-45f, 1e-38f, 1e-20f, 1e20f, 3e38f}) {
        Splats s = random_cloud(1, 0), unit = s;
        unit.quaternions = {0.5f, 0.5f, -0.5f, 0.5f};
        for (size_t a = 0; a < 4; a++)
            s.quaternions[a] = unit.quaternions[a] < 0 ? -length : length;
        for (const SplatFormat format : kSplatFormats) {
            const auto bytes = take(encode_splats(s, format));
            const Splats read = take(decode_splats(bytes, "a." + std::string(extension(format))));
            CHECK(angle(read.quaternions.data(), unit.quaternions.data()) < 1.3);
        }
    }
}

TEST_CASE("opacities of nothing and of all, and points without extent, come back as such") {
    Splats s = random_cloud(2, 0);
    s.logits = {-1e30f, 1e30f};
    for (float& v : s.log_scales) v = -1e30f;
    for (const SplatFormat format : kSplatFormats) {
        const auto bytes = take(encode_splats(s, format));
        const Splats read = take(decode_splats(bytes, "a." + std::string(extension(format))));
        for (size_t i = 0; i < 2; i++)   // .splat has the heaviest first
            CHECK(std::abs(opacity(read, i) - double((i == 1) != (format == SplatFormat::splat))) <
                  0.3 / 255);
        for (const float v : read.log_scales) CHECK(v <= (format == SplatFormat::spz ? -10 : -29));
    }
}

TEST_CASE("a file without splats is one only where the format can say so") {
    const Splats none = make_splats(0, 0);
    for (const SplatFormat format : {SplatFormat::ply, SplatFormat::spz}) {
        const auto bytes = take(encode_splats(none, format));
        CHECK(take(decode_splats(bytes, "a.bin")).size() == 0);
    }
    for (const SplatFormat format : {SplatFormat::splat, SplatFormat::glb})
        CHECK(encode_splats(none, format).error().status == Status::usage);
    for (const char* name : {"a.ply", "a.splat", "a.spz", "a.glb"})
        CHECK(decode_splats({}, name).error().status == Status::bad_file);
}
