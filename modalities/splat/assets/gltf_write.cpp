#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "modalities/splat/assets/bytes.h"
#include "modalities/splat/assets/glb.h"
#include "modalities/splat/assets/gltf_splats.h"

namespace kiln {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kFloat = 5126, kUnsignedShort = 5123, kArrayBuffer = 34962, kPoints = 0;
constexpr const char* kTypes[] = {"SCALAR", "VEC2", "VEC3", "VEC4"};

// Collects attributes as tightly packed arrays, one buffer view each.
struct Builder {
    size_t n;
    std::vector<std::byte> binary;
    Json accessors = Json::array(), views = Json::array(), attributes = Json::object();

    // value(i, c) of each splat i and component c.
    template <class T, class F>
    Json& add(const std::string& name, int components, int type, const F& value) {
        const size_t begin = binary.size(), width = size_t(components);
        binary.resize(begin + n * width * sizeof(T));
        for (size_t i = 0; i < n * width; i++) {
            const T v = value(i / width, i % width);
            std::memcpy(binary.data() + begin + i * sizeof(T), &v, sizeof(T));
        }
        attributes[name] = accessors.size();
        accessors.push_back({{"bufferView", views.size()},
                             {"componentType", type},
                             {"count", n},
                             {"type", kTypes[components - 1]}});
        views.push_back({{"buffer", 0},
                         {"byteOffset", begin},
                         {"byteLength", binary.size() - begin},
                         {"target", kArrayBuffer}});
        return accessors.back();
    }
    template <class F>
    Json& add_floats(const std::string& name, int components, const F& value) {
        return add<float>(name, components, kFloat, value);
    }
};

// IEC 61966-2-1.
double linear_of_srgb(double v) {
    v = std::clamp(v, 0.0, 1.0);
    return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4);
}

void add_positions(Builder& b, const Splats& s) {
    Json& accessor =
        b.add_floats("POSITION", 3, [&](size_t i, size_t c) { return s.means[i * 3 + c]; });
    for (const bool upper : {false, true}) {
        std::array<float, 3> bound = {s.means[0], s.means[1], s.means[2]};
        for (size_t i = 0; i < s.means.size(); i++) {
            float& v = bound[i % 3];
            v = upper ? std::max(v, s.means[i]) : std::min(v, s.means[i]);
        }
        accessor[upper ? "max" : "min"] = bound;
    }
}

void add_points_colour(Builder& b, const Splats& s) {
    const size_t k = size_t(sh_count(s.sh_degree));
    b.add<uint16_t>("COLOR_0", 4, kUnsignedShort, [&](size_t i, size_t c) {
        const double v = c == 3 ? opacity_of_logit(s.logits[i])
                                : linear_of_srgb(0.5 + double(kShDc) * s.sh[i * k * 3 + c]);
        return uint16_t(std::lround(v * 65535));
    })["normalized"] = true;
}

void add_splats(Builder& b, const Splats& s) {
    const std::string own = "KHR_gaussian_splatting:";
    const size_t k = size_t(sh_count(s.sh_degree));
    b.add_floats(own + "ROTATION", 4, [&](size_t i, size_t c) {
        const float* q = &s.quaternions[i * 4];
        const double length = std::hypot(std::hypot(q[0], q[1]), std::hypot(q[2], q[3]));
        return float(q[(c + 1) % 4] / length);
    });
    b.add_floats(own + "SCALE", 3,
                 [&](size_t i, size_t c) { return std::exp(s.log_scales[i * 3 + c]); });
    b.add_floats(own + "OPACITY", 1,
                 [&](size_t i, size_t) { return float(opacity_of_logit(s.logits[i])); });
    for (int l = 0; l <= s.sh_degree; l++)
        for (int m = 0; m < 2 * l + 1; m++)
            b.add_floats(
                own + "SH_DEGREE_" + std::to_string(l) + "_COEF_" + std::to_string(m), 3,
                [&](size_t i, size_t c) { return s.sh[(i * k + size_t(l * l + m)) * 3 + c]; });
}

}   // namespace

Result<std::vector<std::byte>> gltf_splats_bytes(const Splats& s) {
    const size_t each = (14 + size_t(sh_count(s.sh_degree)) * 3) * sizeof(float);
    if (s.size() == 0) return Error{Status::usage, "glTF cannot hold an empty cloud of splats"};
    if (s.size() > (std::numeric_limits<uint32_t>::max() - 65536) / each)
        return Error{Status::usage,
                     std::to_string(s.size()) + " splats are more than the 4 GiB of a glTF file"};
    Builder b{.n = s.size(), .binary = {}};
    add_positions(b, s);
    add_points_colour(b, s);
    add_splats(b, s);
    const Json splatting = {{"kernel", "ellipse"}, {"colorSpace", "srgb_rec709_display"}};
    const Json primitive = {{"attributes", b.attributes},
                            {"mode", kPoints},
                            {"extensions", {{"KHR_gaussian_splatting", splatting}}}};
    const Json document = {{"asset", {{"version", "2.0"}, {"generator", "kiln 0.1.0"}}},
                           {"extensionsUsed", {"KHR_gaussian_splatting"}},
                           {"scene", 0},
                           {"scenes", Json::array({{{"nodes", {0}}}})},
                           {"nodes", Json::array({{{"mesh", 0}}})},
                           {"meshes", Json::array({{{"primitives", Json::array({primitive})}}})},
                           {"buffers", Json::array({{{"byteLength", b.binary.size()}}})},
                           {"bufferViews", b.views},
                           {"accessors", b.accessors}};
    return glb_bytes(document, b.binary);
}

}   // namespace kiln
