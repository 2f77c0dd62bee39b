#include "modalities/splat/mesh/mesh_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <span>

#include "modalities/splat/assets/glb.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFloat = 5126, kUnsignedInt = 5125, kArrayBuffer = 34962, kElementBuffer = 34963;
constexpr int kLinear = 9729, kLinearMipmapLinear = 9987, kRepeat = 10497;

Result<void> check(const TexturedMesh& m) {
    const size_t n = m.mesh.positions.size() / 3;
    ensure(m.mesh.positions.size() == n * 3 && m.mesh.normals.size() == n * 3 &&
               m.mesh.uvs.size() == n * 2,
           "the arrays of a mesh are as long as they should be");
    if (m.mesh.triangles.empty()) return Error{Status::usage, "the mesh has no triangles"};
    for (const auto* values : {&m.mesh.positions, &m.mesh.normals, &m.mesh.uvs})
        if (!std::all_of(values->begin(), values->end(), [](float v) { return std::isfinite(v); }))
            return Error{Status::not_finite, "a point of the mesh is not finite"};
    return {};
}

// The buffer of a glTF file and its parts.
struct Builder {
    std::vector<std::byte> binary;
    Json views = Json::array(), accessors = Json::array();

    size_t add_view(std::span<const std::byte> bytes, int target) {
        binary.resize((binary.size() + 3) / 4 * 4);
        views.push_back(
            {{"buffer", 0}, {"byteOffset", binary.size()}, {"byteLength", bytes.size()}});
        if (target) views.back()["target"] = target;
        binary.insert(binary.end(), bytes.begin(), bytes.end());
        return views.size() - 1;
    }
    template <class T>
    Json& add(const std::vector<T>& values, int type, size_t count, const char* shape, int target) {
        const size_t view = add_view(std::as_bytes(std::span(values)), target);
        accessors.push_back(
            {{"bufferView", view}, {"componentType", type}, {"count", count}, {"type", shape}});
        return accessors.back();
    }
};

void add_bounds(Json& accessor, const std::vector<float>& positions) {
    std::array<float, 3> low = {positions[0], positions[1], positions[2]}, high = low;
    for (size_t i = 0; i < positions.size(); i++) {
        low[i % 3] = std::min(low[i % 3], positions[i]);
        high[i % 3] = std::max(high[i % 3], positions[i]);
    }
    accessor["min"] = low, accessor["max"] = high;
}

void append(std::vector<std::byte>& to, const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text));
    to.insert(to.end(), bytes.begin(), bytes.end());
}

// A line of numbers, each as short as reads back the same.
void append_line(std::string& to, const char* key, std::span<const float> values) {
    char text[32];
    to += key;
    for (const float v : values) {
        to += ' ';
        to.append(text, std::to_chars(text, text + sizeof text, v).ptr);
    }
    to += '\n';
}

}   // namespace

Result<std::vector<std::byte>> mesh_glb_bytes(const TexturedMesh& m) {
    if (const Result<void> good = check(m); !good) return good.error();
    const size_t n = m.mesh.positions.size() / 3;
    Builder b;
    add_bounds(b.add(m.mesh.positions, kFloat, n, "VEC3", kArrayBuffer), m.mesh.positions);
    b.add(m.mesh.normals, kFloat, n, "VEC3", kArrayBuffer);
    b.add(m.mesh.uvs, kFloat, n, "VEC2", kArrayBuffer);
    b.add(m.mesh.triangles, kUnsignedInt, m.mesh.triangles.size() * 3, "SCALAR", kElementBuffer);
    const size_t picture = b.add_view(encode_png(m.texture), 0);
    const Json primitive = {{"attributes", {{"POSITION", 0}, {"NORMAL", 1}, {"TEXCOORD_0", 2}}},
                            {"indices", 3},
                            {"material", 0}};
    const Json material = {
        {"name", "splats"},
        {"pbrMetallicRoughness",
         {{"baseColorTexture", {{"index", 0}}}, {"metallicFactor", 0}, {"roughnessFactor", 1}}}};
    const Json document = {
        {"asset", {{"version", "2.0"}, {"generator", "kiln 0.1.0"}}},
        {"scene", 0},
        {"scenes", Json::array({{{"nodes", {0}}}})},
        {"nodes", Json::array({{{"mesh", 0}}})},
        {"meshes", Json::array({{{"primitives", Json::array({primitive})}}})},
        {"materials", Json::array({material})},
        {"textures", Json::array({{{"sampler", 0}, {"source", 0}}})},
        {"images", Json::array({{{"bufferView", picture}, {"mimeType", "image/png"}}})},
        {"samplers", Json::array({{{"magFilter", kLinear},
                                   {"minFilter", kLinearMipmapLinear},
                                   {"wrapS", kRepeat},
                                   {"wrapT", kRepeat}}})},
        {"buffers", Json::array({{{"byteLength", b.binary.size()}}})},
        {"bufferViews", b.views},
        {"accessors", b.accessors}};
    return glb_bytes(document, b.binary);
}

Result<ObjFiles> obj_files(const TexturedMesh& m, const std::string& stem) {
    if (const Result<void> good = check(m); !good) return good.error();
    if (std::any_of(stem.begin(), stem.end(), [](char c) { return c >= 0 && c < ' '; }))
        return Error{Status::usage, "a name with control characters has no place in an .obj"};
    std::string text = "# y up, metres\nmtllib " + stem + ".mtl\n";
    const std::span<const float> positions(m.mesh.positions), normals(m.mesh.normals);
    const size_t n = positions.size() / 3;
    for (size_t i = 0; i < n; i++) append_line(text, "v", positions.subspan(i * 3, 3));
    for (size_t i = 0; i < n; i++) {   // from the bottom left corner, unlike glTF
        const float uv[] = {m.mesh.uvs[i * 2], 1 - m.mesh.uvs[i * 2 + 1]};
        append_line(text, "vt", uv);
    }
    for (size_t i = 0; i < n; i++) append_line(text, "vn", normals.subspan(i * 3, 3));
    text += "usemtl splats\n";
    for (const Triangle& t : m.mesh.triangles) {
        text += 'f';
        for (const uint32_t i : t) {
            const std::string index = std::to_string(i + 1);
            text += ' ' + index + '/' + index + '/' + index;
        }
        text += '\n';
    }
    ObjFiles files;
    append(files.obj, text);
    append(files.mtl,
           "newmtl splats\nKa 0 0 0\nKd 1 1 1\nKs 0 0 0\nillum 1\nmap_Kd " + stem + ".png\n");
    files.png = encode_png(m.texture);
    return files;
}

}   // namespace kiln
