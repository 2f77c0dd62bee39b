#include "modalities/splat/fit/fit_file.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "runtime/io/safetensors.h"

namespace kiln {
namespace {

constexpr std::string_view kVersion = "1";

bool finite(const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}
bool positive(const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return v >= 0; });
}

struct Part {
    std::string name;
    Shape shape;
    std::vector<float>* values;
};

// Every array of a file of n splats.
std::vector<Part> parts_of(Cloud& cloud, int64_t n, int sh_degree) {
    std::vector<Part> parts;
    struct Group {
        const char* name;
        Splats* splats;
    };
    for (const Group& g : {Group{"splats", &cloud.splats},
                           {"first", &cloud.memory.first},
                           {"second", &cloud.memory.second}}) {
        const std::string prefix = std::string(g.name) + ".";
        Splats& s = *g.splats;
        parts.push_back({prefix + "means", {n, 3}, &s.means});
        parts.push_back({prefix + "log_scales", {n, 3}, &s.log_scales});
        parts.push_back({prefix + "quaternions", {n, 4}, &s.quaternions});
        parts.push_back({prefix + "logits", {n}, &s.logits});
        parts.push_back({prefix + "sh", {n, sh_count(sh_degree), 3}, &s.sh});
    }
    parts.push_back({"lengths", {n}, &cloud.memory.lengths});
    parts.push_back({"pictures", {n}, &cloud.memory.pictures});
    return parts;
}

Error bad(const std::string& path, const std::string& fact) {
    return {Status::bad_file, path + ": no state of a fit of splats: " + fact};
}

template <class T>
bool number(const std::map<std::string, std::string>& metadata, const std::string& key, T& value) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return false;
    const std::string& text = found->second;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    return code == std::errc() && end == text.data() + text.size();
}

Result<FitFile> fit_of(const Safetensors& opened, const std::string& path, int sh_degree,
                       size_t most, size_t exposures) {
    const auto& metadata = opened.metadata();
    const auto version = metadata.find("kiln.fit");
    FitFile file;
    if (version == metadata.end() || version->second != kVersion ||
        !number(metadata, "kiln.fit.steps", file.cloud.memory.steps) ||
        !number(metadata, "kiln.fit.views", file.views))
        return bad(path, "its header does not say which version, step and views it is of");
    const TensorInfo* logits = opened.find("splats.logits");
    const int64_t n = logits && logits->shape.rank() == 1 ? logits->shape[0] : 0;
    if (n < 1 || uint64_t(n) > most)
        return bad(path, "splats.logits are not of 1 to " + std::to_string(most) + " splats");
    std::vector<Part> parts = parts_of(file.cloud, n, sh_degree);
    if (exposures > 0) parts.push_back({"exposures", {int64_t(exposures)}, &file.exposures});
    for (const Part& part : parts) {
        const TensorInfo* info = opened.find(part.name);
        if (!info || info->dtype != DType::f32 || !(info->shape == part.shape))
            return bad(path, part.name + " is missing or not f32 " + to_string(part.shape));
        auto values = opened.values(*info);
        if (!values) return values.error();
        *part.values = std::move(*values);
        if (!finite(*part.values)) return bad(path, part.name + " holds values that are no number");
    }
    Cloud& c = file.cloud;
    for (Splats* s : {&c.splats, &c.memory.first, &c.memory.second}) s->sh_degree = sh_degree;
    bool moments = positive(c.memory.lengths) && positive(c.memory.pictures);
    const Splats& v = c.memory.second;
    for (const auto* part : {&v.means, &v.log_scales, &v.quaternions, &v.logits, &v.sh})
        moments = moments && positive(*part);
    if (!moments) return bad(path, "squares and counts below 0");
    if (!sound(c.splats)) return bad(path, "a quaternion without length");
    return file;
}

}   // namespace

bool sound(const Splats& s) {
    for (const auto* part : {&s.means, &s.log_scales, &s.quaternions, &s.logits, &s.sh})
        if (!finite(*part)) return false;
    for (size_t i = 0; i < s.size(); i++) {
        const float* q = &s.quaternions[i * 4];
        const float length = q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3];
        if (!(length >= 1e-12f) || !std::isfinite(length)) return false;
    }
    return true;
}

Result<void> write_fit(const std::string& path, const FitFile& file) {
    Cloud cloud = file.cloud;
    std::vector<TensorToWrite> tensors;
    const int64_t n = int64_t(cloud.splats.size());
    for (const Part& part : parts_of(cloud, n, cloud.splats.sh_degree))
        tensors.push_back(
            {part.name, DType::f32, part.shape, std::as_bytes(std::span(*part.values))});
    if (const int64_t m = int64_t(file.exposures.size()); m > 0)
        tensors.push_back({"exposures", DType::f32, {m}, std::as_bytes(std::span(file.exposures))});
    return write_safetensors(path, std::move(tensors),
                             {{"kiln.fit", std::string(kVersion)},
                              {"kiln.fit.steps", std::to_string(cloud.memory.steps)},
                              {"kiln.fit.views", std::to_string(file.views)}});
}

Result<FitFile> read_fit(const std::string& path, int sh_degree, size_t most, size_t exposures) {
    const auto opened = Safetensors::open(path);
    if (!opened) return opened.error();
    return fit_of(*opened, path, sh_degree, most, exposures);
}

Result<FitFile> parse_fit(std::span<const std::byte> bytes, const std::string& where, int sh_degree,
                          size_t most, size_t exposures) {
    const auto opened = Safetensors::parse(bytes, where);
    if (!opened) return opened.error();
    return fit_of(*opened, where, sh_degree, most, exposures);
}

}   // namespace kiln
