// What the pipelines of all modalities do around their networks: check requests, choose the
// precision, say what is going on, and report what went wrong.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "modalities/latent/checkpoint_part.h"
#include "runtime/base/check.h"
#include "runtime/base/log.h"
#include "runtime/base/result.h"

namespace kiln {

enum class Precision : uint8_t {
    automatic,
    f32,
    f16,
    bf16
};   // of activations; automatic: f16 on GPUs for f16 files

DType activations(Precision precision, const CheckpointPart& denoiser, const Caps& caps);

// The request cannot be met: Status::usage.
[[noreturn]] void usage(const std::string& fact);
void check_range(const char* what, double value, double low, double high);
void check_one_of(const char* what, const std::string& value,
                  const std::vector<std::string>& known);

// Warns, in one line a file, of tensors that no network asked for and that are not `expected`.
void warn_unclaimed(std::vector<std::shared_ptr<const TensorFiles>> files,
                    const std::unordered_set<std::string>& claimed,
                    const std::vector<std::string>& expected, const LogSink& log);

// How far a stage is: "denoising", 3 of 20.
using StageProgress = std::function<void(std::string_view stage, int step, int total)>;

// Says how far kernels are compiled, for as long as it lives.
class CompilingWatch {
public:
    CompilingWatch(Device& device, StageProgress progress);
    CompilingWatch(const CompilingWatch&) = delete;
    ~CompilingWatch();

private:
    Device& device_;
};

// For the log: the end of a prompt that did not fit, if any.
void note_dropped(const std::string& dropped, const LogSink& log);

// At the end of a run, for the log: what device memory it took.
void note_memory(const Device& device, const LogSink& log);

// A failure while building or running, as Results report it.
template <class F>
auto guarded(F work) -> Result<decltype(work())> {
    try {
        return work();
    } catch (const ResultError& failure) {
        return failure.error;
    } catch (const ModelError& failure) {
        return Error{Status::bad_file, failure.what()};
    }
}

}   // namespace kiln
