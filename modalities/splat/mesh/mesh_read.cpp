#include "modalities/splat/mesh/mesh_read.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "modalities/splat/assets/gltf_scene.h"

namespace kiln {
namespace {

constexpr int64_t kTriangles = 4;

class GlbReader {
public:
    GlbReader(const Glb& glb, const MeshLimits& limits) : glb_(glb), limits_(limits) {}

    FileMesh run() {
        each_primitive(glb_, [&](const JsonObject& primitive, const GltfMatrix& matrix,
                                 const std::string&) { read(primitive, matrix); });
        if (mesh_.surface.triangles.empty()) stop("has no triangles in its scene");
        return std::move(mesh_);
    }

private:
    [[noreturn]] void stop(const std::string& fact) const {
        throw ResultError({Status::bad_file, glb_.where + ": " + fact});
    }

    void read(const JsonObject& primitive, const GltfMatrix& m) {
        const int64_t mode = take(primitive.integer("mode", kTriangles));
        if (mode < kTriangles) return;   // points and lines
        if (mode > kTriangles) stop("has triangles in strips or fans, which is not read");
        Surface& s = mesh_.surface;
        const size_t first = s.points.size(), room = limits_.points - first;
        if (room == 0) stop("has more points than are read");
        const JsonObject attributes = take(primitive.object("attributes"));
        const auto places = accessor_values(glb_, take(attributes.integer("POSITION")), 3, room);
        for (size_t i = 0; i < places.size(); i += 3) {
            Vec3 p;
            for (size_t r = 0; r < 3; r++)
                p[r] = m[r * 4] * places[i] + m[r * 4 + 1] * places[i + 1] +
                       m[r * 4 + 2] * places[i + 2] + m[r * 4 + 3];
            if (!(std::abs(p[0]) + std::abs(p[1]) + std::abs(p[2]) < HUGE_VAL))
                stop("has a point that is not finite");
            s.points.push_back(p);
        }
        add_triangles(primitive, first, places.size() / 3);
        if (mesh_.texture.empty()) mesh_.texture = texture_of(primitive);
    }

    void add_triangles(const JsonObject& primitive, size_t first, size_t count) {
        auto& triangles = mesh_.surface.triangles;
        const size_t room = limits_.triangles - triangles.size();
        std::vector<uint32_t> corners;
        if (primitive.has("indices")) {
            corners = accessor_indices(glb_, take(primitive.integer("indices")), room * 3);
        } else {
            corners.resize(count);
            std::iota(corners.begin(), corners.end(), 0u);
        }
        if (corners.size() % 3 != 0 || corners.size() > room * 3)
            stop("has " + std::to_string(corners.size()) + " corners of triangles");
        for (size_t i = 0; i < corners.size(); i += 3) {
            Triangle t;
            for (size_t k = 0; k < 3; k++) {
                if (corners[i + k] >= count)
                    stop("has a triangle at point " + std::to_string(corners[i + k]) + " of " +
                         std::to_string(count));
                t[k] = uint32_t(first + corners[i + k]);
            }
            triangles.push_back(t);
        }
    }

    // The picture of a base colour that the file brings.
    std::vector<std::byte> texture_of(const JsonObject& primitive) const {
        const auto of = [&](const char* list, const JsonObject& from, const char* key) {
            return JsonObject(gltf_object(glb_, list, take(from.integer(key))), list);
        };
        if (!primitive.has("material")) return {};
        const JsonObject material = of("materials", primitive, "material");
        const JsonObject base =
            take(take(material.object("pbrMetallicRoughness")).object("baseColorTexture"));
        if (!base.has("index")) return {};
        const JsonObject texture = of("textures", base, "index");
        if (!texture.has("source")) return {};
        const JsonObject image = of("images", texture, "source");
        if (!image.has("bufferView")) return {};
        const auto bytes = view_bytes(glb_, take(image.integer("bufferView")));
        return {bytes.begin(), bytes.end()};
    }

    const Glb& glb_;
    const MeshLimits& limits_;
    FileMesh mesh_;
};

}   // namespace

Result<FileMesh> parse_mesh_glb(std::span<const std::byte> bytes, const std::string& where,
                                const MeshLimits& limits) {
    const Result<Glb> glb = parse_glb(bytes, where);
    if (!glb) return glb.error();
    try {
        return GlbReader(*glb, limits).run();
    } catch (const ResultError& e) {
        return e.error;
    }
}

bool is_closed(const Surface& s) {
    std::vector<uint32_t> order(s.points.size()), place(s.points.size());
    std::iota(order.begin(), order.end(), 0u);
    std::sort(order.begin(), order.end(),
              [&](uint32_t a, uint32_t b) { return s.points[a] < s.points[b]; });
    for (size_t i = 0; i < order.size(); i++)
        place[order[i]] =
            i > 0 && s.points[order[i]] == s.points[order[i - 1]] ? place[order[i - 1]] : order[i];
    std::vector<uint64_t> there, back;
    for (const Triangle& t : s.triangles) {
        const uint32_t c[3] = {place[t[0]], place[t[1]], place[t[2]]};
        if (c[0] == c[1] || c[1] == c[2] || c[2] == c[0]) continue;
        for (size_t k = 0; k < 3; k++) {
            const uint64_t a = c[k], b = c[(k + 1) % 3];
            there.push_back(a << 32 | b), back.push_back(b << 32 | a);
        }
    }
    std::sort(there.begin(), there.end()), std::sort(back.begin(), back.end());
    return !there.empty() && there == back;
}

}   // namespace kiln
