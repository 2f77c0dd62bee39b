#include "plugins/splat/checkpoint.h"

#include <filesystem>
#include <random>

#include "plugins/splat/outcome.h"
#include "runtime/io/file.h"

namespace kiln::splat_plugin {

Checkpoint::Checkpoint(const builtin::Json& request, std::string scratch, Save save)
    : file_(request.value("checkpoint", std::string())),
      scratch_(std::move(scratch)),
      every_(request.value("checkpoint_every", 500u)),
      save_(std::move(save)) {}

void Checkpoint::after(uint32_t step) const {
    if (!file_.empty() && step % every_ == 0) take(save_(file_));
}

void Checkpoint::finish() const {
    if (!file_.empty()) take(save_(file_));
}

void Checkpoint::interrupt(const std::string& name, const sdk::Options& options,
                           const sdk::Events& events) const {
    if (!file_.empty()) {
        take(save_(file_));
        options.log(KILN_LOG_INFO, "--resume " + file_ + " goes on from here");
        return;
    }
    namespace fs = std::filesystem;
    std::error_code problem;
    if (scratch_.empty() || (fs::create_directories(scratch_, problem), problem)) {
        options.log(KILN_LOG_WARNING, "the state was not kept; --checkpoint names a file for it");
        return;
    }
    const std::string file =
        (fs::path(scratch_) / ("state-" + std::to_string(std::random_device()()) + ".fit"))
            .string();
    const Result<void> saved = save_(file);
    const Result<std::string> state = saved ? read_file(file, size_t(1) << 36) : saved.error();
    fs::remove(file, problem);
    events.artifact({0, kStateMedia, name, "{}", as_bytes(take(state))});
    options.log(KILN_LOG_INFO, "--resume with the .fit file goes on from here");
}

}   // namespace kiln::splat_plugin
