#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/bytes.h"
#include "modalities/splat/assets/gltf_scene.h"
#include "modalities/splat/assets/gltf_splats.h"
#include "modalities/splat/assets/transform.h"

namespace kiln {
namespace {

constexpr const char* kExtension = "KHR_gaussian_splatting";

class Reader {
public:
    Reader(const Glb& glb, size_t max_splats) : glb_(glb), left_(max_splats) {}

    Splats run() {
        each_primitive(glb_, [&](const JsonObject& primitive, const GltfMatrix& matrix,
                                 const std::string& node) { read(primitive, matrix, node); });
        if (!found_)
            stop("has no " + std::string(kExtension) + " in its scene, thus no splats" +
                 (triangles_ ? ": it holds a mesh" : ""));
        return std::move(splats_);
    }

private:
    [[noreturn]] void stop(const std::string& fact) const {
        throw ResultError({Status::bad_file, glb_.where + ": " + fact});
    }

    // The turn, scale and move of a matrix that has nothing else.
    Similarity similarity(const GltfMatrix& m, const std::string& where) const {
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

    void read(const JsonObject& primitive, const GltfMatrix& matrix, const std::string& node) {
        const JsonObject extensions = take(primitive.object("extensions"));
        if (!extensions.has(kExtension)) {
            triangles_ = triangles_ || take(primitive.integer("mode", 4)) >= 4;
            return;
        }
        check_kind(take(extensions.object(kExtension)));
        Splats some = read_primitive(take(primitive.object("attributes")));
        if (matrix != kGltfIdentity) transform(some, similarity(matrix, node));
        left_ -= some.size(), found_ = true;
        append(splats_, some);
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
    bool found_ = false, triangles_ = false;
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
