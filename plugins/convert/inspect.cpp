#include "plugins/convert/inspect.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/bytes.h"
#include "modalities/splat/mesh/mesh_read.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"
#include "runtime/io/file.h"
#include "runtime/io/image.h"

namespace kiln::convert_plugin {
namespace {

namespace fs = std::filesystem;
using builtin::Json;
constexpr size_t kMost = size_t(1) << 32, kMtl = size_t(1) << 20;   // bytes

template <class F>
std::array<double, 3> percentiles(std::vector<float> values, F act) {
    std::sort(values.begin(), values.end());
    std::array<double, 3> found{};
    for (size_t i = 0; i < 3; i++) {
        const double share = i == 0 ? 0.01 : i == 1 ? 0.5 : 0.99;
        found[i] = act(values[size_t(std::lround(share * double(values.size() - 1)))]);
    }
    return found;
}

// Numbers to three digits.
std::string text_of(const char* format, std::array<double, 3> v) {
    char text[128];
    std::snprintf(text, sizeof text, format, v[0], v[1], v[2]);
    return text;
}

// The bounds of the points [n, 3], of which there are some.
template <class T>
void add_bounds(Json& d, const T* points, size_t n) {
    std::array<double, 3> low, high, extent;
    for (size_t a = 0; a < 3; a++) low[a] = high[a] = double(points[a]);
    for (size_t i = 0; i < n * 3; i++) {
        low[i % 3] = std::min(low[i % 3], double(points[i]));
        high[i % 3] = std::max(high[i % 3], double(points[i]));
    }
    for (size_t a = 0; a < 3; a++) extent[a] = high[a] - low[a];
    d["low"] = low, d["high"] = high;
    d["summary"] = d["summary"].get<std::string>() + text_of(", %.3g x %.3g x %.3g m", extent);
}

Json described(const Splats& s) {
    Json d = {{"family", "splats"}, {"splats", s.size()}, {"degree", s.sh_degree}};
    d["antialiased"] = s.antialiased;
    d["summary"] = std::to_string(s.size()) + " splats of degree " + std::to_string(s.sh_degree);
    if (s.size() == 0) return d;
    add_bounds(d, s.means.data(), s.size());
    const auto scales = percentiles(s.log_scales, [](float v) { return std::exp(double(v)); });
    const auto opacities = percentiles(s.logits, opacity_of_logit);
    d["scales"] = scales, d["opacities"] = opacities;
    d["summary"] = d["summary"].get<std::string>() +
                   text_of(", scales from %.3g over %.3g to %.3g m", scales) +
                   text_of(", opacities from %.2g over %.2g to %.2g", opacities);
    return d;
}

Json described(const FileMesh& m, const Result<Image>& texture) {
    const Surface& s = m.surface;
    const bool closed = is_closed(s);
    Json d = {{"family", "mesh"},
              {"triangles", s.triangles.size()},
              {"points", s.points.size()},
              {"closed", closed}};
    d["summary"] = "a mesh of " + std::to_string(s.triangles.size()) + " triangles over " +
                   std::to_string(s.points.size()) + " points, " + (closed ? "closed" : "open");
    add_bounds(d, s.points[0].data(), s.points.size());
    std::string about = ", no texture";
    if (texture) {
        d["texture"] = {texture->width, texture->height};
        about = ", a texture of " + std::to_string(texture->width) + " x " +
                std::to_string(texture->height);
    }
    d["summary"] = d["summary"].get<std::string>() + about;
    return d;
}

// The first colour map that the materials beside an .obj name.
Result<Image> texture_beside(const fs::path& obj, const std::string& material) {
    const Error none{Status::bad_file, "no texture"};
    if (material.empty()) return none;
    // Names from a file lead nowhere else than beside it.
    const auto text = read_file((obj.parent_path() / fs::path(material).filename()).string(), kMtl);
    if (!text) return text.error();
    const std::string_view key = "map_Kd ";
    const size_t at = text->find(key);
    if (at == text->npos) return none;
    const size_t begin = at + key.size(), end = text->find_first_of("\r\n", begin);
    const fs::path name(text->substr(begin, end == text->npos ? end : end - begin));
    return read_image((obj.parent_path() / name.filename()).string());
}

Json described(const fs::path& path) {
    const std::string where = path.string(), text = take(read_file(where, kMost));
    if (path.extension() == ".obj") {
        const FileMesh mesh = take(parse_obj(as_bytes(text), where));
        return described(mesh, texture_beside(path, mesh.material));
    }
    const Result<Splats> splats = decode_splats(as_bytes(text), where);
    if (splats) return described(*splats);
    if (path.extension() == ".glb")
        if (const auto mesh = parse_mesh_glb(as_bytes(text), where))
            return described(*mesh, decode_image(mesh->texture, where));
    throw ResultError(splats.error());
}

}   // namespace

std::string inspected(const sdk::Options& options) {
    const fs::path path(options.models);
    std::error_code ignored;
    const std::string extension = path.extension().string();
    if (!fs::is_regular_file(path, ignored) || extension.empty() ||
        !(extension == ".obj" || splat_format(extension.substr(1))))
        return "[]";
    std::string text;
    builtin::as_failures([&] {
        Json file = {{"name", path.stem().string()},
                     {"path", path.string()},
                     {"bytes", fs::file_size(path, ignored)}};
        file.update(described(path));
        text = builtin::text_of(Json::array({file}));
    });
    return text;
}

}   // namespace kiln::convert_plugin
