#include "modalities/splat/assets/gltf_splats.h"

#include <catch2/catch_test_macros.hpp>
#include <functional>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/glb.h"
#include "tests/assets/clouds.h"
#include "tests/io/files.h"

using namespace kiln;
using namespace kiln::test;
using Json = nlohmann::json;

namespace {

// A file of `s` whose document was changed.
std::vector<std::byte> changed(const Splats& s, const std::function<void(Json&)>& change) {
    const auto bytes = take(gltf_splats_bytes(s));
    Glb glb = take(parse_glb(bytes, "a.glb"));
    change(glb.document);
    return glb_bytes(nlohmann::ordered_json(glb.document), glb.binary);
}

Result<Splats> parse_changed(const std::function<void(Json&)>& change, size_t max_splats = 100) {
    const auto bytes = changed(random_cloud(5, 1), change);
    return parse_gltf_splats(bytes, "a.glb", max_splats);
}

void refused(const char* words, const std::function<void(Json&)>& change) {
    fails_with(parse_changed(change), words);
}

Json& attributes(Json& d) { return d["meshes"][0]["primitives"][0]["attributes"]; }
Json& extension(Json& d) {
    return d["meshes"][0]["primitives"][0]["extensions"]["KHR_gaussian_splatting"];
}
Json& accessor(Json& d, const char* attribute) {
    return d["accessors"][attributes(d)[attribute].get<size_t>()];
}

}   // namespace

TEST_CASE("a file has what the extension asks for") {
    Splats s = random_cloud(3, 2);
    const auto bytes = take(gltf_splats_bytes(s));
    CHECK(bytes.size() % 4 == 0);
    Glb glb = take(parse_glb(bytes, "a.glb"));
    Json& d = glb.document;
    CHECK(d["asset"]["version"] == "2.0");
    CHECK(d["extensionsUsed"] == Json::array({"KHR_gaussian_splatting"}));
    CHECK(!d.contains("extensionsRequired"));
    CHECK(d["scenes"][0]["nodes"] == Json::array({0}));
    CHECK(d["meshes"][0]["primitives"][0]["mode"] == 0);
    CHECK(extension(d)["kernel"] == "ellipse");
    CHECK(extension(d)["colorSpace"] == "srgb_rec709_display");
    CHECK(attributes(d).size() == 5 + 9);
    CHECK(d["buffers"][0]["byteLength"] == glb.binary.size());
    const Json& position = accessor(d, "POSITION");
    for (size_t c = 0; c < 3; c++) {
        CHECK(position["min"][c].get<float>() ==
              std::min({s.means[c], s.means[3 + c], s.means[6 + c]}));
        CHECK(position["max"][c].get<float>() ==
              std::max({s.means[c], s.means[3 + c], s.means[6 + c]}));
    }
    const auto values = [&](const char* name, int components) {
        return accessor_values(glb, attributes(d)[name].get<int64_t>(), components, 3);
    };
    const auto rotation = values("KHR_gaussian_splatting:ROTATION", 4);
    const double length = std::hypot(std::hypot(s.quaternions[0], s.quaternions[1]),
                                     std::hypot(s.quaternions[2], s.quaternions[3]));
    CHECK(std::abs(rotation[3] - s.quaternions[0] / length) < 1e-6);
    CHECK(std::abs(rotation[0] - s.quaternions[1] / length) < 1e-6);
    CHECK(std::abs(values("KHR_gaussian_splatting:SCALE", 3)[1] - std::exp(s.log_scales[1])) <
          1e-6);
    CHECK(std::abs(values("KHR_gaussian_splatting:OPACITY", 1)[2] - opacity(s, 2)) < 1e-6);
    CHECK(values("KHR_gaussian_splatting:SH_DEGREE_2_COEF_4", 3)[3] == s.sh[(9 + 8) * 3]);
    const auto colour = values("COLOR_0", 4);
    CHECK(std::abs(colour[3] - opacity(s, 0)) < 1e-4);
    s = make_splats(1, 0);
    s.sh = {float((0.5 - 0.5) / kShDc), -5, 5};
    const auto grey = take(gltf_splats_bytes(s));
    const Glb one = take(parse_glb(grey, "a.glb"));
    const auto linear = accessor_values(
        one, one.document["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"], 4, 1);
    CHECK(std::abs(linear[0] - 0.21404) < 1e-4);   // of sRGB 0.5
    CHECK(linear[1] == 0);
    CHECK(linear[2] == 1);
}

TEST_CASE("nodes place their splats") {
    const auto bytes = changed(random_cloud(5, 3), [](Json& d) {
        d["nodes"] = Json::parse(R"([
            {"children": [1, 2], "translation": [1, 2, 3], "scale": [2, 2, 2]},
            {"mesh": 0, "rotation": [0, 0, 0.7071067811865476, 0.7071067811865476]},
            {"mesh": 0, "matrix": [1,0,0,0, 0,1,0,0, 0,0,-1,0, 0,0,5,1]}, {"mesh": 0}])");
    });
    const Splats s = take(parse_gltf_splats(bytes, "a.glb", 10)), one = random_cloud(5, 3);
    REQUIRE(s.size() == 10);
    for (size_t i = 0; i < 5; i++) {
        const float *m = &one.means[i * 3], *a = &s.means[i * 3], *b = &s.means[(5 + i) * 3];
        const double turned[3] = {1 - 2 * m[1], 2 + 2 * m[0], 3 + 2 * m[2]};
        const double mirrored[3] = {1 + 2 * m[0], 2 + 2 * m[1], 3 + 2 * (5 - m[2])};
        for (size_t c = 0; c < 3; c++) {
            CHECK(std::abs(a[c] - turned[c]) < 1e-5);
            CHECK(std::abs(b[c] - mirrored[c]) < 1e-5);
        }
        const double seen[3] = {0.48, 0.6, 0.64}, back[3] = {0.6, -0.48, 0.64},
                     mirror[3] = {0.48, 0.6, -0.64};
        CHECK(std::abs(colour(s, i, 0, seen) - colour(one, i, 0, back)) < 1e-5);
        CHECK(std::abs(colour(s, 5 + i, 0, seen) - colour(one, i, 0, mirror)) < 1e-5);
        const Matrix3 before = covariance(one, i), after = covariance(s, i);
        CHECK(std::abs(after[0] - 4 * before[4]) < 1e-5 * (after[0] + after[4]));
        CHECK(std::abs(after[1] + 4 * before[1]) < 1e-5 * (after[0] + after[4]));
    }
    CHECK(!parse_gltf_splats(bytes, "a.glb", 9).ok());
}

TEST_CASE("drafts, quantised attributes and files without scenes are read") {
    const Splats s = random_cloud(5, 1);
    CHECK(take(parse_changed([](Json& d) { d.erase("scenes"), d.erase("scene"); })).size() == 5);
    CHECK(take(parse_changed([](Json& d) { d.erase("scene"); })).means == s.means);
    CHECK(take(parse_changed([](Json& d) { extension(d)["colorSpace"] = "BT.709"; })).size() == 5);
    const Splats fewer = take(parse_changed(
        [](Json& d) { attributes(d).erase("KHR_gaussian_splatting:SH_DEGREE_1_COEF_0"); }));
    CHECK(fewer.sh_degree == 0);
    // The colour of points stands in for an opacity of 16 bits, every fourth of which is one.
    const Splats halves = take(parse_changed([](Json& d) {
        Json& a = accessor(d, "KHR_gaussian_splatting:OPACITY");
        const Json& colour = accessor(d, "COLOR_0");
        const size_t view = colour["bufferView"];
        a = colour, a["type"] = "SCALAR", a["byteOffset"] = 6;
        d["bufferViews"][view]["byteStride"] = 8;
    }));
    for (size_t i = 0; i < 5; i++) CHECK(std::abs(opacity(halves, i) - opacity(s, i)) < 1e-4);
    Splats flat = s;
    const auto bytes = changed(flat, [](Json& d) {   // positions have negative values: logarithms
        attributes(d)["KHR_gaussian_splatting:SCALE"] = attributes(d)["POSITION"];
    });
    CHECK(take(parse_gltf_splats(bytes, "a.glb", 5)).log_scales == s.means);
}

TEST_CASE("what is no glTF of splats, cut short or a lie is refused") {
    const auto good = take(gltf_splats_bytes(random_cloud(5, 1)));
    const std::span<const std::byte> whole(good);
    REQUIRE(parse_gltf_splats(whole, "a.glb", 5).ok());
    for (size_t length = 0; length < good.size(); length += 7)
        if (parse_gltf_splats(whole.first(length), "a.glb", 5).ok()) FAIL("read " << length);
    fails_with(parse_gltf_splats(whole, "a.glb", 4), "at most 4 are read");
    auto damaged = good;
    damaged[4] = std::byte{1};
    fails_with(parse_gltf_splats(damaged, "a.glb", 5), "glTF version 1");
    damaged = good, damaged[16] = std::byte{'B'};
    fails_with(parse_gltf_splats(damaged, "a.glb", 5), "the first chunk");
    damaged = good, damaged[14] = std::byte{0xff};
    fails_with(parse_gltf_splats(damaged, "a.glb", 5), "ends beyond the file");
    refused("thus no splats", [](Json& d) { d["scenes"][0]["nodes"] = Json::array(); });
    refused("thus no splats", [](Json& d) { d["meshes"][0]["primitives"][0].erase("extensions"); });
    refused("no nodes[7]", [](Json& d) { d["scenes"][0]["nodes"] = {7}; });
    refused("no nodes[-1]", [](Json& d) { d["scenes"][0]["nodes"] = {-1}; });
    refused("no scenes[3]", [](Json& d) { d["scene"] = 3; });
    refused("no meshes[1]", [](Json& d) { d["nodes"][0]["mesh"] = 1; });
    refused("no tree", [](Json& d) { d["nodes"][0]["children"] = {0}; });
    refused("no tree", [](Json& d) {
        for (int i = 0; i < 70; i++) d["nodes"].push_back({{"children", {i + 2}}});
        d["nodes"][0]["children"] = {1};
    });
    refused("nodes is no list", [](Json& d) { d["nodes"] = 3; });
    refused("has no primitives", [](Json& d) { d["meshes"][0]["primitives"] = 1; });
    refused("stretches", [](Json& d) { d["nodes"][0]["scale"] = {1, 2, 1}; });
    refused("stretches", [](Json& d) { d["nodes"][0]["scale"] = {0, 0, 0}; });
    refused("3 numbers", [](Json& d) { d["nodes"][0]["scale"] = {1, 1}; });
    refused("kernel", [](Json& d) { extension(d)["kernel"] = "box"; });
    refused("colorSpace", [](Json& d) { extension(d)["colorSpace"] = "lin_rec709_display"; });
    refused("compressed", [](Json& d) { extension(d)["extensions"] = {{"X", {{"a", 1}}}}; });
    for (const char* name :
         {"POSITION", "KHR_gaussian_splatting:SCALE", "KHR_gaussian_splatting:ROTATION",
          "KHR_gaussian_splatting:OPACITY", "KHR_gaussian_splatting:SH_DEGREE_0_COEF_0",
          "KHR_gaussian_splatting:SH_DEGREE_1_COEF_2"}) {
        refused(name, [&](Json& d) { attributes(d).erase(name); });
        refused("no accessors[99]", [&](Json& d) { attributes(d)[name] = 99; });
        refused("count", [&](Json& d) { accessor(d, name)["count"] = -1; });
        refused("count", [&](Json& d) { accessor(d, name)["count"] = 1000000000000000; });
        refused("at most 100", [&](Json& d) { accessor(d, name)["count"] = 101; });
        refused("ends beyond its buffer view", [&](Json& d) { accessor(d, name)["count"] = 6; });
        refused("ends beyond", [&](Json& d) { accessor(d, name)["byteOffset"] = 1 << 30; });
        refused("expected", [&](Json& d) { accessor(d, name)["type"] = "MAT4"; });
        refused("expected", [&](Json& d) { accessor(d, name)["componentType"] = 5130; });
        refused("sparse", [&](Json& d) { accessor(d, name).erase("bufferView"); });
    }
    refused("differ in count", [](Json& d) { accessor(d, "POSITION")["count"] = 4; });
    refused("ends beyond the buffer", [](Json& d) { d["bufferViews"][0]["byteLength"] = 1 << 30; });
    refused("no size", [](Json& d) { d["bufferViews"][0]["byteOffset"] = -4; });
    refused("outside of the file", [](Json& d) { d["buffers"][0]["uri"] = "a.bin"; });
    refused("ends beyond", [](Json& d) { d["bufferViews"][0]["byteStride"] = 4; });
    const auto none = gltf_splats_bytes(Splats{});
    REQUIRE(!none);
    CHECK(none.error().status == Status::usage);
}
