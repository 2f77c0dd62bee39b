#include "modalities/splat/assets/gltf_scene.h"

namespace kiln {
namespace {

using Json = nlohmann::json;
constexpr int kMaxDepth = 64;

GltfMatrix operator*(const GltfMatrix& a, const GltfMatrix& b) {
    GltfMatrix c{};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 4; k++) c[i * 4 + j] += a[i * 4 + k] * b[k * 4 + j];
    return c;
}

class Scene {
public:
    Scene(const Glb& glb, const PrimitiveAct& act) : glb_(glb), act_(act) {}

    void run() {
        const Json& nodes = list("nodes");
        visited_.assign(nodes.size(), false);
        for (const int64_t root : roots(nodes)) visit(root, kGltfIdentity, 0);
    }

private:
    [[noreturn]] void stop(const std::string& fact) const {
        throw ResultError({Status::bad_file, glb_.where + ": " + fact});
    }
    const Json& list(const char* name) const {
        static const Json none = Json::array();
        const auto found = glb_.document.find(name);
        if (found == glb_.document.end()) return none;
        if (!found->is_array()) stop(std::string(name) + " is no list");
        return *found;
    }
    std::string name_of(const char* kind, int64_t i) const {
        return glb_.where + ": " + kind + "[" + std::to_string(i) + "]";
    }

    // Of the default scene; without scenes, whatever hangs from no other node.
    std::vector<int64_t> roots(const Json& nodes) const {
        if (!list("scenes").empty()) {
            const int64_t i = take(JsonObject(glb_.document, glb_.where).integer("scene", 0));
            return take(JsonObject(gltf_object(glb_, "scenes", i), name_of("scenes", i))
                            .integers("nodes", std::vector<int64_t>{}));
        }
        std::vector<bool> child(nodes.size(), false);
        std::vector<int64_t> free;
        for (size_t i = 0; i < nodes.size(); i++)
            for (const int64_t c : take(JsonObject(nodes[i], name_of("nodes", int64_t(i)))
                                            .integers("children", std::vector<int64_t>{})))
                if (c >= 0 && size_t(c) < child.size()) child[size_t(c)] = true;
        for (size_t i = 0; i < nodes.size(); i++)
            if (!child[i]) free.push_back(int64_t(i));
        return free;
    }

    std::vector<double> numbers(const JsonObject& node, const char* key,
                                std::vector<double> otherwise) const {
        const size_t count = otherwise.size();
        auto values = take(node.numbers(key, std::move(otherwise)));
        if (values.size() != count)
            throw ResultError(node.error(key, std::to_string(count) + " numbers are expected"));
        return values;
    }

    GltfMatrix placement(const JsonObject& node) const {
        GltfMatrix m{};
        if (node.has("matrix")) {
            const auto v = numbers(node, "matrix", std::vector<double>(16));
            for (size_t i = 0; i < 16; i++) m[i] = v[i % 4 * 4 + i / 4];   // stored by columns
            return m;
        }
        const auto t = numbers(node, "translation", {0, 0, 0});
        const auto q = numbers(node, "rotation", {0, 0, 0, 1});
        const auto s = numbers(node, "scale", {1, 1, 1});
        const double x = q[0], y = q[1], z = q[2], w = q[3];
        const double r[9] = {
            1 - 2 * (y * y + z * z), 2 * (x * y - w * z),     2 * (x * z + w * y),
            2 * (x * y + w * z),     1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
            2 * (x * z - w * y),     2 * (y * z + w * x),     1 - 2 * (x * x + y * y)};
        for (size_t i = 0; i < 3; i++) {
            for (size_t j = 0; j < 3; j++) m[i * 4 + j] = r[i * 3 + j] * s[j];
            m[i * 4 + 3] = t[i];
        }
        m[15] = 1;
        return m;
    }

    void visit(int64_t index, const GltfMatrix& above, int depth) {
        const JsonObject node(gltf_object(glb_, "nodes", index), name_of("nodes", index));
        if (visited_[size_t(index)] || depth > kMaxDepth)
            stop("its nodes form no tree, or one of more than 64 levels");
        visited_[size_t(index)] = true;
        const GltfMatrix matrix = above * placement(node);
        if (node.has("mesh")) visit_mesh(take(node.integer("mesh")), matrix, node.where());
        for (const int64_t child : take(node.integers("children", std::vector<int64_t>{})))
            visit(child, matrix, depth + 1);
    }

    void visit_mesh(int64_t index, const GltfMatrix& matrix, const std::string& node) {
        const Json& mesh = gltf_object(glb_, "meshes", index);
        const auto primitives = mesh.find("primitives");
        if (primitives == mesh.end() || !primitives->is_array())
            stop("meshes[" + std::to_string(index) + "] has no primitives");
        for (const Json& json : *primitives)
            act_(JsonObject(json, name_of("meshes", index) + ": primitives"), matrix, node);
    }

    const Glb& glb_;
    const PrimitiveAct& act_;
    std::vector<bool> visited_;
};

}   // namespace

void each_primitive(const Glb& glb, const PrimitiveAct& act) { Scene(glb, act).run(); }

}   // namespace kiln
