#include "modalities/splat/assets/asset.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "modalities/splat/assets/dot_splat.h"
#include "modalities/splat/assets/gltf_splats.h"
#include "modalities/splat/assets/gzip.h"
#include "modalities/splat/assets/ply.h"
#include "modalities/splat/assets/spz.h"
#include "runtime/io/file.h"
#include "runtime/io/magic.h"

namespace kiln {
namespace {

struct Form {
    std::string_view extension, media_type;
    Axes axes;
};
constexpr Form kForms[] = {{"ply", "model/x-ply", kRdf},
                           {"splat", "model/x-splat", kRdf},
                           {"spz", "model/x-spz", kRub},
                           {"glb", "model/gltf-binary", kRub}};

std::string lower_extension(const std::string& path) {
    const size_t dot = path.find_last_of('.'), slash = path.find_last_of('/');
    if (dot == std::string::npos || (slash != std::string::npos && dot < slash)) return "";
    std::string text = path.substr(dot + 1);
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
    return text;
}

Result<SplatFormat> format_of(std::span<const std::byte> bytes, const std::string& where) {
    const std::string_view text = as_text(bytes);
    if (text.starts_with("ply\n") || text.starts_with("ply\r\n")) return SplatFormat::ply;
    if (text.starts_with("glTF")) return SplatFormat::glb;
    if (is_gzip(bytes) || text.starts_with("NGSP")) return SplatFormat::spz;
    if (lower_extension(where) == "splat" && !bytes.empty()) return SplatFormat::splat;
    const bool obj = lower_extension(where) == "obj";
    const std::string_view kind =
        obj ? "a mesh" : kind_of_file(bytes.first(std::min<size_t>(bytes.size(), 64)));
    return Error{Status::bad_file, where +
                                       ": expected splats (.ply, .spz, .glb or .splat); found " +
                                       std::string(bytes.empty()  ? "an empty file"
                                                   : kind.empty() ? "something else"
                                                                  : kind)};
}

Result<Splats> parse(SplatFormat format, std::span<const std::byte> bytes, const std::string& where,
                     size_t max_splats) {
    switch (format) {
        case SplatFormat::ply: return parse_ply(bytes, where, max_splats);
        case SplatFormat::splat: return parse_dot_splat(bytes, where, max_splats);
        case SplatFormat::spz: return parse_spz(bytes, where, max_splats);
        case SplatFormat::glb: return parse_gltf_splats(bytes, where, max_splats);
    }
    return Splats{};
}

// Brings values within the bounds of asset.h; what no bound can stand for stays.
void settle(Splats& s) {
    for (float& logit : s.logits)
        if (!std::isnan(logit)) logit = std::clamp(logit, -kMaxLogit, kMaxLogit);
    for (float& scale : s.log_scales)
        if (!std::isnan(scale)) scale = std::max(scale, kMinLogScale);
    for (size_t i = 0; i < s.quaternions.size(); i += 4) {
        float* q = &s.quaternions[i];
        const double length =
            std::hypot(std::hypot(double(q[0]), q[1]), std::hypot(double(q[2]), q[3]));
        if (length == 0)
            q[0] = 1;
        else if (std::isfinite(length) && (length < 1e-6 || length > 1e6))   // squares stay normal
            for (int a = 0; a < 4; a++) q[a] = float(q[a] / length);
    }
}

std::string defect_of(const Splats& s) {
    struct Array {
        const char* name;
        const std::vector<float>& values;
    };
    const std::array<Array, 5> arrays = {Array{"position", s.means}, Array{"scale", s.log_scales},
                                         Array{"rotation", s.quaternions},
                                         Array{"opacity", s.logits}, Array{"colour", s.sh}};
    const size_t n = s.size();
    for (const Array& a : arrays) {
        const auto bad = std::find_if(a.values.begin(), a.values.end(),
                                      [](float v) { return !std::isfinite(v); });
        if (bad == a.values.end()) continue;
        const size_t splat = size_t(bad - a.values.begin()) / (a.values.size() / n);
        return "the " + std::string(a.name) + " of splat " + std::to_string(splat) +
               " is not finite";
    }
    for (size_t i = 0; i < s.log_scales.size(); i++)
        if (s.log_scales[i] > kMaxLogScale)
            return "splat " + std::to_string(i / 3) + " has a scale of e^" +
                   std::to_string(s.log_scales[i]) + " m";
    for (size_t i = 0; i < n; i++) {
        const float* q = &s.quaternions[i * 4];
        if (q[0] == 0 && q[1] == 0 && q[2] == 0 && q[3] == 0)
            return "the rotation of splat " + std::to_string(i) + " is zero";
    }
    return "";
}

}   // namespace

std::string_view extension(SplatFormat format) { return kForms[size_t(format)].extension; }
std::string_view media_type(SplatFormat format) { return kForms[size_t(format)].media_type; }
Axes default_axes(SplatFormat format) { return kForms[size_t(format)].axes; }

Result<SplatFormat> splat_format(std::string_view name) {
    const std::string wanted = lower_extension("." + std::string(name));
    for (const SplatFormat format : kSplatFormats)
        if (wanted == extension(format)) return format;
    return Error{Status::usage, "splats cannot be written as \"" + std::string(name) +
                                    "\"; as ply, splat, spz and glb they can"};
}

Result<Splats> decode_splats(std::span<const std::byte> bytes, const std::string& where,
                             const SplatReadOptions& options) {
    const Result<SplatFormat> format = format_of(bytes, where);
    if (!format) return format.error();
    Result<Splats> splats = parse(*format, bytes, where, options.max_splats);
    if (!splats) return splats.error();
    settle(*splats);
    const std::string defect = defect_of(*splats);
    if (!defect.empty()) return Error{Status::bad_file, where + ": " + defect};
    change_axes(*splats, options.axes.value_or(default_axes(*format)), kRub);
    return splats;
}

Result<Splats> read_splats(const std::string& path, const SplatReadOptions& options) {
    const Result<std::string> bytes = read_file(path, size_t(1) << 32);
    if (!bytes) return bytes.error();
    return decode_splats(as_bytes(*bytes), path, options);
}

Result<void> check_splats(const Splats& s) {
    const size_t n = s.size();
    ensure(s.sh_degree >= 0 && s.sh_degree <= kMaxShDegree && s.means.size() == n * 3 &&
               s.log_scales.size() == n * 3 && s.quaternions.size() == n * 4 &&
               s.sh.size() == n * size_t(sh_count(s.sh_degree)) * 3,
           "the arrays of splats are as long as they should be");
    const std::string defect = defect_of(s);
    if (!defect.empty()) return Error{Status::not_finite, defect};
    return {};
}

Result<std::vector<std::byte>> encode_splats(const Splats& splats, SplatFormat format,
                                             const SplatWriteOptions& options) {
    const Result<void> good = check_splats(splats);
    if (!good) return good.error();
    Splats turned = splats;
    settle(turned);
    change_axes(turned, kRub, options.axes.value_or(default_axes(format)));
    switch (format) {
        case SplatFormat::ply: return ply_bytes(turned);
        case SplatFormat::splat:
            if (splats.size() == 0)
                return Error{Status::usage, "a .splat cannot hold an empty cloud of splats"};
            return dot_splat_bytes(turned);
        case SplatFormat::spz: return spz_bytes(turned, options.spz_version);
        case SplatFormat::glb: return gltf_splats_bytes(turned);
    }
    return std::vector<std::byte>();
}

Result<void> write_splats(const std::string& path, const Splats& splats,
                          const SplatWriteOptions& options) {
    const Result<SplatFormat> format = splat_format(lower_extension(path));
    if (!format) return format.error();
    const auto bytes = encode_splats(splats, *format, options);
    if (!bytes) return bytes.error();
    return write_file(path, *bytes);
}

}   // namespace kiln
