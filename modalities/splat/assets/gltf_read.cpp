#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/bytes.h"
#include "modalities/splat/assets/glb.h"
#include "modalities/splat/assets/gltf_splats.h"
#include "modalities/splat/assets/transform.h"
#include "runtime/io/json.h"

namespace kiln {
namespace {

using Json = nlohmann::json;
constexpr const char* kExtension = "KHR_gaussian_splatting";
constexpr int kMaxDepth = 64;

// 4 x 4, row by row, of a node.
using Matrix = std::array<double, 16>;
constexpr Matrix kIdentity = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};

Matrix operator*(const Matrix& a, const Matrix& b) {
    Matrix c{};
    for (size_t i = 0; i < 4; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t k = 0; k < 4; k++) c[i * 4 + j] += a[i * 4 + k] * b[k * 4 + j];
    return c;
}

class Reader {
public:
    Reader(const Glb& glb, size_t max_splats) : glb_(glb), left_(max_splats) {}

    Splats run() {
        const Json& nodes = list("nodes");
        visited_.assign(nodes.size(), false);
        for (const int64_t root : roots(nodes)) visit(root, kIdentity, 0);
        if (!found_) stop("has no " + std::string(kExtension) + " in its scene, thus no splats");
        return std::move(splats_);
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

    Matrix placement(const JsonObject& node) const {
        Matrix m{};
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

    void visit(int64_t index, const Matrix& above, int depth) {
        const JsonObject node(gltf_object(glb_, "nodes", index), name_of("nodes", index));
        if (visited_[size_t(index)] || depth > kMaxDepth)
            stop("its nodes form no tree, or one of more than 64 levels");
        visited_[size_t(index)] = true;
        const Matrix matrix = above * placement(node);
        if (node.has("mesh")) read_mesh(take(node.integer("mesh")), matrix, node.where());
        for (const int64_t child : take(node.integers("children", std::vector<int64_t>{})))
            visit(child, matrix, depth + 1);
    }

    // The turn, scale and move of a matrix that has nothing else.
    Similarity similarity(const Matrix& m, const std::string& where) const {
        Similarity by;
        double squares = 0;
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++) squares += m[i * 4 + j] * m[i * 4 + j];
        by.scale = std::sqrt(squares / 3);
        bool good = by.scale > 1e-12 && by.scale < 1e12;
        for (size_t i = 0; i < 3; i++) {
            for (size_t j = 0; j < 3; j++) by.turn[i * 3 + j] = m[i * 4 + j] / by.scale;
            by.move[i] = m[i * 4 + 3];
        }
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++) {
                double dot = 0;
                for (size_t k = 0; k < 3; k++) dot += by.turn[k * 3 + i] * by.turn[k * 3 + j];
                good = good && std::abs(dot - (i == j)) < 1e-4;
            }
        if (good) return by;
        throw ResultError(
            {Status::bad_file, where + " stretches its splats unequally, which is not read"});
    }

    void read_mesh(int64_t index, const Matrix& matrix, const std::string& node) {
        const Json& mesh = gltf_object(glb_, "meshes", index);
        const auto primitives = mesh.find("primitives");
        if (primitives == mesh.end() || !primitives->is_array())
            stop("meshes[" + std::to_string(index) + "] has no primitives");
        for (const Json& json : *primitives) {
            const JsonObject primitive(json, name_of("meshes", index) + ": primitives");
            const JsonObject extensions = take(primitive.object("extensions"));
            if (!extensions.has(kExtension)) continue;
            check_kind(take(extensions.object(kExtension)));
            Splats some = read_primitive(take(primitive.object("attributes")));
            if (matrix != kIdentity) transform(some, similarity(matrix, node));
            left_ -= some.size(), found_ = true;
            append(splats_, some);
        }
    }

    void check_kind(const JsonObject& extension) const {
        if (extension.has("extensions"))
            stop("its splats are compressed or extended, which is not read");
        const std::string kernel = take(extension.string("kernel", "ellipse"));
        const std::string space = take(extension.string("colorSpace", "srgb_rec709_display"));
        if (kernel != "ellipse") throw ResultError(extension.error("kernel", "expected ellipse"));
        if (space != "srgb_rec709_display" && space != "BT.709")   // as early drafts wrote it
            throw ResultError(extension.error("colorSpace", "expected srgb_rec709_display"));
    }

    Splats read_primitive(const JsonObject& attributes) {
        if (left_ == 0) stop("has more splats than are read");
        const auto values = [&](const std::string& name, int components) {
            return accessor_values(glb_, take(attributes.integer(name)), components, left_);
        };
        const auto own = [](const std::string& name) { return kExtension + (":" + name); };
        const auto harmonic = [&](int l, int n) {
            return own("SH_DEGREE_" + std::to_string(l) + "_COEF_" + std::to_string(n));
        };
        Splats s;
        s.means = values("POSITION", 3);
        const size_t n = s.means.size() / 3;
        const auto same = [&](const std::vector<float>& v, size_t width, const char* name) {
            if (v.size() != n * width) stop(std::string(name) + " and POSITION differ in count");
        };
        s.quaternions = values(own("ROTATION"), 4);
        same(s.quaternions, 4, "ROTATION");
        for (size_t i = 0; i < n; i++)
            std::rotate(&s.quaternions[i * 4], &s.quaternions[i * 4 + 3],
                        &s.quaternions[i * 4] + 4);
        s.log_scales = values(own("SCALE"), 3);
        same(s.log_scales, 3, "SCALE");
        const bool draft =
            std::any_of(s.log_scales.begin(), s.log_scales.end(), [](float v) { return v < 0; });
        if (!draft)
            for (float& v : s.log_scales) v = std::log(v);
        s.logits = values(own("OPACITY"), 1);
        same(s.logits, 1, "OPACITY");
        for (float& v : s.logits) v = logit_of_opacity(std::clamp(v, 0.0f, 1.0f));
        while (s.sh_degree < kMaxShDegree && attributes.has(harmonic(s.sh_degree + 1, 0)))
            s.sh_degree++;
        const size_t k = size_t(sh_count(s.sh_degree));
        s.sh.resize(n * k * 3);
        for (int l = 0; l <= s.sh_degree; l++)
            for (int m = 0; m < 2 * l + 1; m++) {
                const auto v = values(harmonic(l, m), 3);
                same(v, 3, "a harmonic");
                for (size_t i = 0; i < n; i++)
                    std::copy_n(&v[i * 3], 3, &s.sh[(i * k + size_t(l * l + m)) * 3]);
            }
        return s;
    }

    const Glb& glb_;
    size_t left_;
    bool found_ = false;
    std::vector<bool> visited_;
    Splats splats_;
};

}   // namespace

Result<Splats> parse_gltf_splats(std::span<const std::byte> bytes, const std::string& where,
                                 size_t max_splats) {
    const Result<Glb> glb = parse_glb(bytes, where);
    if (!glb) return glb.error();
    try {
        return Reader(*glb, max_splats).run();
    } catch (const ResultError& e) {
        return e.error;
    }
}

}   // namespace kiln
