// Meshes as files, and clouds that no mesh can be made of.
#include <catch2/matchers/catch_matchers_string.hpp>
#include <charconv>
#include <limits>
#include <sstream>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/glb.h"
#include "modalities/splat/mesh/mesh_files.h"
#include "runtime/io/file.h"
#include "tests/mesh/render.h"
#include "tests/mesh/shapes.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

namespace {

Splats little_ball() { return round_splats(on_sphere(200, 0.5), 0.1, 0.9); }

TexturedMesh small_mesh() {
    return take(extract_mesh(little_ball(), {.resolution = 20, .faces = 200, .texture = 64}));
}

// Takes small steps, so that clouds of all kinds are quickly tried.
Result<TexturedMesh> tried(const Splats& s) {
    return extract_mesh(s, {.resolution = 16, .faces = 500, .texture = 128});
}

void check_sound(const TexturedMesh& m) {
    for (const auto* values : {&m.mesh.positions, &m.mesh.normals, &m.mesh.uvs})
        CHECK(
            std::all_of(values->begin(), values->end(), [](float v) { return std::isfinite(v); }));
    for (size_t i = 0; i < m.mesh.normals.size(); i += 3) {
        const float* n = &m.mesh.normals[i];
        CHECK(std::abs(std::hypot(n[0], n[1], n[2]) - 1) < 1e-5f);
    }
    CHECK(std::all_of(m.mesh.uvs.begin(), m.mesh.uvs.end(),
                      [](float v) { return v >= 0 && v <= 1; }));
    CHECK(mesh_glb_bytes(m));
    CHECK(obj_files(m, "a"));
}

Error why_not(const Splats& s, const MeshOptions& o = {.resolution = 16, .texture = 128}) {
    const auto m = extract_mesh(s, o);
    REQUIRE(!m);
    return m.error();
}

}   // namespace

TEST_CASE("a mesh in a .glb is what glTF says") {
    const TexturedMesh m = small_mesh();
    const std::vector<std::byte> bytes = take(mesh_glb_bytes(m));
    const Glb glb = take(parse_glb(bytes, "a.glb"));
    CHECK(accessor_values(glb, 0, 3, 1000000) == m.mesh.positions);
    CHECK(accessor_values(glb, 1, 3, 1000000) == m.mesh.normals);
    CHECK(accessor_values(glb, 2, 2, 1000000) == m.mesh.uvs);
    std::vector<float> indices;
    for (const Triangle& t : m.mesh.triangles) indices.insert(indices.end(), t.begin(), t.end());
    CHECK(accessor_values(glb, 3, 1, 1000000) == indices);
    const auto& d = glb.document;
    for (size_t axis = 0; axis < 3; axis++) {
        float low = 1e30f, high = -1e30f;
        for (size_t i = axis; i < m.mesh.positions.size(); i += 3) {
            low = std::min(low, m.mesh.positions[i]);
            high = std::max(high, m.mesh.positions[i]);
        }
        CHECK(d["accessors"][0]["min"][axis].get<float>() == low);
        CHECK(d["accessors"][0]["max"][axis].get<float>() == high);
    }
    const auto& surface = d["materials"][0]["pbrMetallicRoughness"];
    CHECK(surface["metallicFactor"] == 0);
    CHECK(surface["roughnessFactor"] == 1);
    const auto& view = d["bufferViews"][d["images"][0]["bufferView"].get<size_t>()];
    const Image texture = take(
        decode_image(glb.binary.subspan(view["byteOffset"], view["byteLength"]), "the texture"));
    CHECK(texture.pixels == m.texture.pixels);
    for (const auto& each : d["bufferViews"]) CHECK(each["byteOffset"].get<size_t>() % 4 == 0);
}

TEST_CASE("a mesh in an .obj has the same points, its texture from the bottom up") {
    const TexturedMesh m = small_mesh();
    const ObjFiles files = take(obj_files(m, "some thing"));
    std::istringstream lines{std::string(as_text(files.obj))};
    std::map<std::string, std::vector<float>> read;
    std::vector<Triangle> triangles;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key, word;
        words >> key;
        if (key == "mtllib") CHECK(line == "mtllib some thing.mtl");
        if (key == "f") {
            Triangle t;
            for (uint32_t& i : t) {
                words >> word;
                i = uint32_t(std::stoul(word)) - 1;
                const std::string n = std::to_string(i + 1);
                CHECK(word == n + "/" + n + "/" + n);
            }
            triangles.push_back(t);
        } else if (key[0] == 'v') {
            while (words >> word) read[key].push_back(std::stof(word));
        }
    }
    CHECK(read["v"] == m.mesh.positions);
    CHECK(read["vn"] == m.mesh.normals);
    CHECK(triangles == m.mesh.triangles);
    REQUIRE(read["vt"].size() == m.mesh.uvs.size());
    for (size_t i = 0; i < m.mesh.uvs.size(); i += 2) {
        CHECK(read["vt"][i] == m.mesh.uvs[i]);
        CHECK(std::abs(read["vt"][i + 1] + m.mesh.uvs[i + 1] - 1) < 1e-6f);
    }
    CHECK_THAT(std::string(as_text(files.mtl)), ContainsSubstring("map_Kd some thing.png\n"));
    CHECK(take(decode_image(files.png, "texture")).pixels == m.texture.pixels);
    CHECK(obj_files(m, "a\nb").error().status == Status::usage);
}

TEST_CASE("what is not finite comes into no file") {
    const TexturedMesh good = small_mesh();
    for (const int part : {0, 1, 2}) {
        TexturedMesh m = good;
        std::vector<float>* parts[] = {&m.mesh.positions, &m.mesh.normals, &m.mesh.uvs};
        parts[part]->at(7) = part == 1 ? std::numeric_limits<float>::infinity()
                                       : std::numeric_limits<float>::quiet_NaN();
        CHECK(mesh_glb_bytes(m).error().status == Status::not_finite);
        CHECK(obj_files(m, "a").error().status == Status::not_finite);
    }
    CHECK(mesh_glb_bytes({}).error().status == Status::usage);
    // Far from the origin, the metres of a mesh end where those of float do.
    Splats far = little_ball();
    for (float& v : far.means) v *= 3e38f;
    const auto m = tried(far);
    if (m)
        check_sound(*m);
    else
        CHECK(m.error().status == Status::not_finite);
}

TEST_CASE("two extractions give the same bytes, and a cancelled one none") {
    const Splats s = little_ball();
    const MeshOptions o{.resolution = 24, .faces = 300, .texture = 64};
    CHECK(take(mesh_glb_bytes(take(extract_mesh(s, o)))) ==
          take(mesh_glb_bytes(take(extract_mesh(s, o)))));
    std::vector<std::string> stages;
    MeshOptions stopped = o;
    stopped.progress = [&](std::string_view stage, int done, int total) {
        stages.emplace_back(stage);
        CHECK(done == int(stages.size()) - 1);
        CHECK(total == 5);
    };
    stopped.cancelled = [&] { return stages.size() == 5; };
    CHECK(why_not(s, stopped).status == Status::interrupted);
    CHECK(stages.back() == "baking");
    stopped.progress = nullptr, stopped.cancelled = [] { return true; };
    CHECK(why_not(s, stopped).status == Status::interrupted);
}

TEST_CASE("meshes keep the size and the place of their splats") {
    for (const double scale : {1e-5, 1.0, 1e12}) {
        INFO(scale);
        Splats s = little_ball();
        for (float& v : s.means) v = float(scale * (double(v) + 3));
        for (float& v : s.log_scales) v += float(std::log(scale));
        const TexturedMesh m = take(tried(s));
        check_sound(m);
        double low = 1e300, high = -1e300;
        for (const float v : m.mesh.positions) {
            low = std::min(low, double(v)), high = std::max(high, double(v));
        }
        CHECK(std::abs(low / scale - 2.4) < 0.1);
        CHECK(std::abs(high / scale - 3.6) < 0.1);
        CHECK(hold_of(welded(m.mesh).triangles).euler == 2);
    }
}

TEST_CASE("clouds without a surface are refused with what there is instead") {
    CHECK_THAT(why_not(make_splats(0, 0)).message, ContainsSubstring("no splats"));
    Splats faint = little_ball();
    for (float& v : faint.logits) v = -6;
    CHECK(why_not(faint).status == Status::usage);
    CHECK_THAT(why_not(faint).message, ContainsSubstring("too faint"));
    CHECK_THAT(why_not(little_ball(), {.resolution = 16, .threshold = 500}).message,
               ContainsSubstring("as dense as 500"));
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        Splats s = little_ball();
        s.means[5] = bad;
        CHECK(why_not(s).status == Status::not_finite);
    }
    for (const MeshOptions& o : {MeshOptions{.resolution = 4}, MeshOptions{.resolution = 100000},
                                 MeshOptions{.threshold = 0}, MeshOptions{.faces = 1},
                                 MeshOptions{.texture = 1}, MeshOptions{.islands = -1}})
        CHECK(why_not(little_ball(), o).status == Status::usage);
}

TEST_CASE("degenerate splats make a sound mesh or a refusal") {
    const auto try_all = [](const Splats& s) {
        const auto m = tried(s);
        if (m)
            check_sound(*m);
        else
            CHECK((m.error().status == Status::usage || m.error().status == Status::not_finite));
    };
    Splats s = make_splats(1, 0);   // a point
    s.logits = {9}, s.log_scales = {-30, -30, -30};
    try_all(s);
    s.log_scales = {30, 30, 30};   // larger than anything
    try_all(s);
    s.log_scales = {5, -30, -30}, s.quaternions = {1e-20f, 1e-20f, 0, 0};   // a hair
    try_all(s);
    s = round_splats(std::vector<Vec3>(50, Vec3{1, 2, 3}), 1e-9, 0.999);   // all in one place
    try_all(s);
    s = round_splats({{0, 0, 0}, {3e38, 3e38, 3e38}, {-3e38, 0, 0}}, 1, 0.9);
    try_all(s);
    Random random(11);
    for (int round = 0; round < 12; round++) {
        s = make_splats(60, round % 4);
        const double wide = std::pow(10.0, random(-3, 3));
        for (float& v : s.means) v = float(random(-1, 1) * wide);
        for (float& v : s.log_scales) v = float(random(-20, 8));
        for (float& v : s.quaternions) v = float(random(-1, 1));
        for (float& v : s.logits) v = float(random(-10, 10));
        for (float& v : s.sh) v = float(random(-100, 100));
        try_all(s);
    }
}

TEST_CASE("meshes of random clouds are closed") {
    for (const uint32_t seed : {1u, 2u, 3u}) {
        Random random(seed);
        Splats s = make_splats(300, 0);
        for (float& v : s.means) v = float(random(-1, 1));
        for (float& v : s.log_scales) v = float(random(-4, -1));
        for (float& v : s.quaternions) v = float(random(-1, 1));
        for (float& v : s.logits) v = float(random(-1, 4));
        const TexturedMesh m =
            take(extract_mesh(s, {.resolution = 40, .faces = 4000, .texture = 512}));
        check_sound(m);
        const Surface surface = welded(m.mesh);
        check_closed(surface.triangles);
        CHECK(hold_of(surface.triangles).euler % 2 == 0);
        CHECK(volume(surface) > 0);
    }
}
