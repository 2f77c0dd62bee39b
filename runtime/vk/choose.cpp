#include "runtime/vk/choose.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <tuple>

namespace kiln::vk {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    return out;
}

std::string version_text(uint32_t version) {
    return std::to_string(version >> 22 & 0x7f) + "." + std::to_string(version >> 12 & 0x3ff);
}

bool selected(const Caps& caps, int index, std::string_view select) {
    if (select.empty()) return true;
    int wanted = 0;
    auto [end, error] = std::from_chars(select.data(), select.data() + select.size(), wanted);
    if (error == std::errc() && end == select.data() + select.size()) return wanted == index;
    return lower(caps.device).find(lower(select)) != std::string::npos;
}

bool better(const Caps& a, const Caps& b) {
    return std::tuple(a.kind, ~a.device_memory) < std::tuple(b.kind, ~b.device_memory);
}

}   // namespace

std::string refusal(const Candidate& candidate) {
    const Caps& caps = candidate.caps;
    auto less = [](std::string_view what, uint64_t have, uint64_t need) {
        return std::string(what) + " " + std::to_string(have) + ", needs " + std::to_string(need);
    };
    constexpr uint32_t kVulkan11 = 1u << 22 | 1u << 12;
    if (caps.api_version < kVulkan11) {
        return "Vulkan " + version_text(caps.api_version) + ", needs 1.1";
    }
    if (!candidate.compute_queue) return "no queue that computes";
    if (caps.shared_memory < 16384) return less("shared memory", caps.shared_memory, 16384);
    if (caps.invocations < 128) return less("invocations a workgroup", caps.invocations, 128);
    if (caps.binding_range < 1u << 27)
        return less("storage buffer range", caps.binding_range, 1u << 27);
    if (caps.push_bytes < 128) return less("push constant bytes", caps.push_bytes, 128);
    if (caps.storage_bindings < 5)
        return less("storage buffers a kernel", caps.storage_bindings, 5);
    return {};
}

std::vector<DeviceReport> judge(const std::vector<Candidate>& candidates, std::string_view select) {
    std::vector<DeviceReport> reports;
    std::optional<size_t> best;
    for (size_t i = 0; i < candidates.size(); i++) {
        const Caps& caps = candidates[i].caps;
        std::string reason = refusal(candidates[i]);
        reports.push_back({int(i), caps, reason.empty(), false, reason});
        if (!reason.empty() || !selected(caps, int(i), select)) continue;
        if (!best || better(caps, candidates[*best].caps)) best = i;
    }
    if (best) reports[*best].chosen = true;
    for (DeviceReport& report : reports) {
        if (!report.usable || report.chosen) continue;
        if (!selected(report.caps, report.index, select)) {
            report.reason = "not selected by '" + std::string(select) + "'";
            continue;
        }
        const Caps& winner = candidates[*best].caps;
        bool same_kind = winner.kind == report.caps.kind;
        report.reason = winner.device + " is preferred: " +
                        (!same_kind ? std::string(name_of(winner.kind)) + " before " +
                                          std::string(name_of(report.caps.kind))
                         : winner.device_memory > report.caps.device_memory ? "more memory"
                                                                            : "listed first");
    }
    return reports;
}

}   // namespace kiln::vk
