#include "runtime/tune/tuning_file.h"

#include <cmath>
#include <filesystem>

#include "runtime/base/hash.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "runtime/kernel/registry.h"

namespace kiln {
namespace {

std::string in_hex(uint64_t value) {
    std::string text;
    for (int shift = 60; shift >= 0; shift -= 4) text += "0123456789abcdef"[value >> shift & 15];
    return text;
}

// The kernels of this build: what was measured of others says nothing.
std::string build_id() {
    uint64_t hash = kHashSeed;
    for (const KernelSource* source : kernels::all())
        for (uint32_t word : source->spirv)
            hash = ((hash ^ word) * 0x100000001b3ull) ^ (hash >> 29);
    return in_hex(hash);
}

std::string key_of(const Caps& caps) {
    const std::array<uint32_t, 3> numbers{caps.vendor_id, caps.device_id, caps.driver_version};
    uint64_t hash = hash_bytes(std::as_bytes(std::span(caps.cache_uuid)));
    hash = hash_bytes(std::as_bytes(std::span(numbers)), hash);
    return in_hex(hash_bytes(as_bytes(caps.profile), hash));
}

TuningRecord record_of(const nlohmann::json& document) {
    TuningRecord record{.tuning = {},
                        .trying = document.at("trying").get<std::string>(),
                        .outcomes = document.at("outcomes").get<Outcomes>(),
                        .total = document.at("total").get<size_t>()};
    for (const auto& [name, entry] : document.at("variants").items()) {
        const Measured measured{entry.at("speed").get<double>(), entry.value("reason", "")};
        if (!std::isfinite(measured.speed) || measured.speed < 0 || measured.speed > 1e6)
            throw std::runtime_error("a speed that none can have");
        record.tuning.set(name, measured);
    }
    return record;
}

}   // namespace

TuningFile::TuningFile(const Caps& caps, const std::string& folder)
    : device_(caps.device + ", " + caps.driver + " " + caps.driver_info) {
    if (!folder.empty())
        path_ = (std::filesystem::path(folder) /
                 ("tuning-" + key_of(caps) + "-" + build_id() + ".json"))
                    .string();
}

std::optional<TuningRecord> TuningFile::read() const {
    if (path_.empty()) return {};
    const auto document = read_json(path_, {.bytes = 1 << 20, .depth = 4});
    if (!document) return {};
    try {
        if (document->at("build").get<std::string>() != build_id()) return {};
        return record_of(*document);
    } catch (const std::exception&) {   // not what write() makes
        return {};
    }
}

Result<void> TuningFile::write(const TuningRecord& record) const {
    if (path_.empty()) return {};
    nlohmann::ordered_json variants = nlohmann::ordered_json::object();
    for (const auto& [name, measured] : record.tuning.measured()) {
        variants[name]["speed"] = measured.speed;
        if (!measured.reason.empty()) variants[name]["reason"] = measured.reason;
    }
    const nlohmann::ordered_json document = {
        {"device", device_},       {"build", build_id()},  {"total", record.total},
        {"trying", record.trying}, {"variants", variants}, {"outcomes", record.outcomes}};
    return write_file(
        path_, as_bytes(document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

Result<std::optional<FileLock>> TuningFile::lock() const {
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), ignored);
    return FileLock::attempt(path_ + ".lock");
}

}   // namespace kiln
