// What files of meshes are read as.
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>

#include "modalities/splat/assets/glb.h"
#include "modalities/splat/mesh/mesh_files.h"
#include "modalities/splat/mesh/mesh_read.h"
#include "runtime/io/file.h"
#include "tests/mesh/shapes.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;
using Json = nlohmann::ordered_json;

namespace {

TexturedMesh small_mesh() {
    return take(extract_mesh(round_splats(on_sphere(200, 0.5), 0.1, 0.9),
                             {.resolution = 20, .faces = 200, .texture = 64}));
}

void check_same(const Surface& read, const Mesh& written) {
    CHECK(read.triangles == written.triangles);
    REQUIRE(read.points.size() * 3 == written.positions.size());
    for (size_t i = 0; i < written.positions.size(); i++)
        CHECK(float(read.points[i / 3][i % 3]) == written.positions[i]);
}

// Two triangles of a square as a .glb; the corners' indices and the document can be changed.
template <class F>
std::vector<std::byte> square(std::array<uint16_t, 6> corners, F change) {
    const float points[12] = {0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0};
    std::vector<std::byte> binary(60);
    std::memcpy(binary.data(), points, 48), std::memcpy(binary.data() + 48, corners.data(), 12);
    Json d = Json::parse(R"({"asset": {"version": "2.0"}, "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "buffers": [{"byteLength": 60}], "bufferViews": [{"buffer": 0, "byteLength": 48},
        {"buffer": 0, "byteOffset": 48, "byteLength": 12}], "accessors": [
        {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3"},
        {"bufferView": 1, "componentType": 5123, "count": 6, "type": "SCALAR"}]})");
    change(d);
    return glb_bytes(d, binary);
}
constexpr std::array<uint16_t, 6> kSquare = {0, 1, 2, 0, 2, 3};

Surface obj(std::string_view text) { return take(parse_obj(as_bytes(text), "a.obj")).surface; }

}   // namespace

TEST_CASE("a mesh is read as it was written, and whether it is closed told") {
    const TexturedMesh m = small_mesh();
    const FileMesh glb = take(parse_mesh_glb(take(mesh_glb_bytes(m)), "a.glb"));
    check_same(glb.surface, m.mesh);
    CHECK(take(decode_image(glb.texture, "texture")).pixels == m.texture.pixels);
    const FileMesh text = take(parse_obj(take(obj_files(m, "some thing")).obj, "a.obj"));
    check_same(text.surface, m.mesh);
    CHECK(text.material == "some thing.mtl");
    CHECK(is_closed(glb.surface));
    CHECK(is_closed(text.surface));
    Surface open = glb.surface;
    open.triangles.pop_back();
    CHECK_FALSE(is_closed(open));
    Surface turned = glb.surface;
    std::swap(turned.triangles[0][0], turned.triangles[0][1]);
    CHECK_FALSE(is_closed(turned));
    CHECK_FALSE(is_closed({}));
}

TEST_CASE("nodes place the meshes of a .glb, with and without indices") {
    const auto placed = take(parse_mesh_glb(square(kSquare,
                                                   [](Json& d) {
                                                       d["nodes"] = Json::parse(
                                                           R"([{"mesh": 0, "scale": [2, 3, 4],
                                                     "translation": [5, 6, 7]}, {"mesh": 0}])");
                                                   }),
                                            "a.glb"))
                            .surface;
    REQUIRE(placed.points.size() == 8);
    CHECK(placed.points[2] == Vec3{7, 9, 7});
    CHECK(placed.points[6] == Vec3{1, 1, 0});
    CHECK(placed.triangles[3] == Triangle{4, 6, 7});
    const auto bare =
        take(parse_mesh_glb(square(kSquare,
                                   [](Json& d) {
                                       d["meshes"][0]["primitives"][0].erase("indices");
                                       d["accessors"][0]["count"] = 3;
                                   }),
                            "a.glb"))
            .surface;
    CHECK(bare.triangles == std::vector<Triangle>{{0, 1, 2}});
}

TEST_CASE("every way to write the faces of an .obj is read") {
    const Surface s = obj(
        "# words\r\nv 0 0 0\r\n\tv 1 0 0 0.5 0.5 0.5\r\nv 1 1 -1e-3\nvt 0 0\nvn 0 0 1\nv 0 1 0\n"
        "o a\ng b c\ns off\nf 1 2 3 4\nf 1/1 2/1 3/1\nf 1//1 2//1 4//1\nf -4/1/1 -3/1/1 -1/1/1");
    CHECK(s.points == std::vector<Vec3>{{0, 0, 0}, {1, 0, 0}, {1, 1, -1e-3}, {0, 1, 0}});
    CHECK(s.triangles ==
          std::vector<Triangle>{{0, 1, 2}, {0, 2, 3}, {0, 1, 2}, {0, 1, 3}, {0, 1, 3}});
}

TEST_CASE("what is no mesh, cut short or a lie is refused") {
    const auto refused = [](const std::string& text, const char* words,
                            const MeshLimits& limits = {}) {
        const auto m = parse_obj(as_bytes(text), "a.obj", limits);
        REQUIRE(!m);
        CHECK(m.error().status == Status::bad_file);
        CHECK_THAT(m.error().message, ContainsSubstring("a.obj: ") && ContainsSubstring(words));
    };
    const std::string corner = "v 0 0 0\nv 1 0 0\nv 0 1 0\n";
    refused("", "no faces");
    refused("words\n", "no faces");
    refused(corner, "no faces");
    refused("v 0 0\n", "line 1: a vertex has to be three numbers");
    refused("v 0 nan 0\n", "three numbers");
    refused("v 0 1e999 0\n", "three numbers");
    refused(corner + "f 1 2\n", "line 4: a face has to have three corners");
    refused(corner + "f 1 2 x\n", "numbers of vertices");
    refused(corner + "f 1 2 4\n", "vertex 4 of 3");
    refused(corner + "f 0 1 2\n", "names no vertex");
    refused(corner + "f 1 2 -4\n", "names no vertex");
    refused(corner + "f 1 2 99999999999999999999\n", "numbers of vertices");
    refused(corner + "f 1 2 3\n", "too many vertices", {.points = 2, .triangles = 9});
    refused(corner + "f 1 2 3\nf 1 2 3\n", "too many faces", {.points = 9, .triangles = 1});

    const auto refused_glb = [](const std::vector<std::byte>& bytes, const char* words,
                                const MeshLimits& limits = {}) {
        const auto m = parse_mesh_glb(bytes, "a.glb", limits);
        REQUIRE(!m);
        CHECK(m.error().status == Status::bad_file);
        CHECK_THAT(m.error().message, ContainsSubstring(words));
    };
    const auto same = [](Json&) {};
    CHECK(parse_mesh_glb(square(kSquare, same), "a.glb"));
    refused_glb(square({0, 1, 2, 0, 2, 4}, same), "at point 4 of 4");
    refused_glb(square(kSquare, [](Json& d) { d["meshes"][0]["primitives"][0]["mode"] = 5; }),
                "strips or fans");
    refused_glb(square(kSquare, [](Json& d) { d["meshes"][0]["primitives"][0]["mode"] = 0; }),
                "no triangles");
    refused_glb(square(kSquare, [](Json& d) { d["accessors"][1]["count"] = 5; }), "5 corners");
    refused_glb(square(kSquare, [](Json& d) { d["accessors"][1]["count"] = 7; }),
                "ends beyond its buffer view");
    refused_glb(square(kSquare, [](Json& d) { d["accessors"][1]["componentType"] = 5122; }),
                "no indices");
    refused_glb(square(kSquare,
                       [](Json& d) {
                           d["nodes"][0]["translation"] = {1e308, 1e308, 0};
                       }),
                "not finite");
    refused_glb(square(kSquare, same), "at most 3 are read", {.points = 3, .triangles = 9});
    refused_glb(square(kSquare, same), "at most 3 are read", {.points = 9, .triangles = 1});
}
