#include "modalities/latent/run.h"

#include <algorithm>

#include "runtime/base/bytes.h"

namespace kiln {

DType activations(Precision precision, const CheckpointPart& denoiser, const Caps& caps) {
    if (precision == Precision::automatic)
        return caps.kind != DeviceKind::cpu && stored_in_half(denoiser) ? DType::f16 : DType::f32;
    return precision == Precision::f16    ? DType::f16
           : precision == Precision::bf16 ? DType::bf16
                                          : DType::f32;
}

void usage(const std::string& fact) { throw ResultError({Status::usage, fact}); }

void check_range(const char* what, double value, double low, double high) {
    if (value >= low && value <= high) return;
    usage(std::string(what) + ": expected " + std::to_string(low) + " to " + std::to_string(high) +
          "; found " + std::to_string(value));
}

void check_one_of(const char* what, const std::string& value,
                  const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), value) != known.end()) return;
    std::string list;
    for (const std::string& each : known) list += " " + each;
    usage(std::string(what) + " " + value + ": expected one of" + list);
}

void warn_unclaimed(std::vector<std::shared_ptr<const TensorFiles>> files,
                    const std::unordered_set<std::string>& claimed,
                    const std::vector<std::string>& expected, const LogSink& log) {
    if (!log) return;
    std::unordered_set<std::string> known = claimed;
    known.insert(expected.begin(), expected.end());
    std::sort(files.begin(), files.end());
    files.erase(std::unique(files.begin(), files.end()), files.end());
    for (const auto& file : files) {
        const std::vector<std::string> left = unclaimed(*file, known);
        if (left.empty()) continue;
        std::string message =
            file->path() + ": " + std::to_string(left.size()) + " tensors are not used:";
        for (size_t i = 0; i < std::min<size_t>(left.size(), 5); i++) message += " " + left[i];
        log(LogLevel::warning, left.size() > 5 ? message + " ..." : message);
    }
}

CompilingWatch::CompilingWatch(Device& device, StageProgress progress) : device_(device) {
    device_.watch_compiling([progress = std::move(progress)](size_t done, size_t total) {
        if (progress) progress("compiling kernels", int(done), int(total));
    });
}

CompilingWatch::~CompilingWatch() { device_.watch_compiling({}); }

void note_dropped(const std::string& dropped, const LogSink& log) {
    if (!dropped.empty() && log)
        log(LogLevel::warning, "the prompt is too long; left out: " + dropped);
}

void note_memory(const Device& device, const LogSink& log) {
    if (!log) return;
    const MemoryUse use = device.memory();
    log(LogLevel::debug,
        "device memory: " + mebibytes(use.peak) + " held at most, of " + mebibytes(use.limit));
}

}   // namespace kiln
