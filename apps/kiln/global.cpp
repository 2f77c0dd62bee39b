#include "apps/kiln/global.h"

#include <charconv>
#include <cmath>

namespace kiln::app {

uint64_t bytes_from(const std::string& text) {
    double value = 0;
    const char* end = text.data() + text.size();
    auto [rest, error] = std::from_chars(text.data(), end, value);
    std::string unit(rest, end);
    while (unit.starts_with(' ')) unit.erase(0, 1);
    for (char& c : unit) c = char(std::tolower(static_cast<unsigned char>(c)));
    size_t power = unit.empty() ? 0 : std::string("bkmgt").find(unit[0]);
    bool known = power <= 4 && (unit.size() <= 1 ||
                                (power > 0 && (unit.substr(1) == "b" || unit.substr(1) == "ib")));
    double bytes = value * std::pow(1024.0, double(power));
    if (error != std::errc() || !known || !(bytes >= 1) || bytes > 1e18)
        throw sdk::Failure(KILN_USAGE,
                           "--memory: expected a size such as 6G or 512M, found \"" + text + '"');
    return uint64_t(bytes);
}

sdk::HostOptions Global::host_options() const {
    sdk::HostOptions options;
    options.device = device, options.caps = caps;
    options.memory = memory.empty() ? 0 : bytes_from(memory);
    options.models = models.empty() ? environment.models : models;
    options.tuning = !no_tuning && !environment.no_tuning;
    options.share = environment.share, options.cache = environment.cache;
    return options;
}

}   // namespace kiln::app
