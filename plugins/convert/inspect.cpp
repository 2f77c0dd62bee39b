#include "plugins/convert/inspect.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "modalities/splat/assets/asset.h"
#include "modalities/splat/assets/bytes.h"
#include "plugins/builtin/request.h"
#include "plugins/builtin/session.h"

namespace kiln::convert_plugin {
namespace {

namespace fs = std::filesystem;
using builtin::Json;

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

Json described(const Splats& s) {
    Json d = {{"splats", s.size()}, {"degree", s.sh_degree}, {"antialiased", s.antialiased}};
    d["summary"] = std::to_string(s.size()) + " splats of degree " + std::to_string(s.sh_degree);
    if (s.size() == 0) return d;
    std::array<double, 3> low = {s.means[0], s.means[1], s.means[2]}, high = low, extent{};
    for (size_t i = 0; i < s.means.size(); i++) {
        low[i % 3] = std::min(low[i % 3], double(s.means[i]));
        high[i % 3] = std::max(high[i % 3], double(s.means[i]));
    }
    for (size_t axis = 0; axis < 3; axis++) extent[axis] = high[axis] - low[axis];
    const auto scales = percentiles(s.log_scales, [](float v) { return std::exp(double(v)); });
    const auto opacities = percentiles(s.logits, opacity_of_logit);
    d["low"] = low, d["high"] = high, d["scales"] = scales, d["opacities"] = opacities;
    d["summary"] = d["summary"].get<std::string>() + text_of(", %.3g x %.3g x %.3g m", extent) +
                   text_of(", scales from %.3g over %.3g to %.3g m", scales) +
                   text_of(", opacities from %.2g over %.2g to %.2g", opacities);
    return d;
}

}   // namespace

std::string inspected(const sdk::Options& options) {
    const fs::path path(options.models);
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored) || path.extension().empty() ||
        !splat_format(path.extension().string().substr(1)))
        return "[]";
    std::string text;
    builtin::as_failures([&] {
        const Json facts = described(take(read_splats(path.string())));
        Json file = {{"name", path.stem().string()},
                     {"path", path.string()},
                     {"family", "splats"},
                     {"bytes", fs::file_size(path, ignored)}};
        file.update(facts);
        text = builtin::text_of(Json::array({file}));
    });
    return text;
}

}   // namespace kiln::convert_plugin
