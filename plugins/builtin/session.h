// The device of a plugin, what is opened on it, and how runs on it are told to the host.
#pragma once
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "modalities/latent/run.h"
#include "plugins/sdk/adapter.h"
#include "runtime/base/log.h"
#include "runtime/vk/device.h"

namespace kiln::builtin {

// Holds a plugin's device for as long as its instance lives.
class Session {
public:
    explicit Session(const sdk::Options& options) : options_(options) {}

    const sdk::Options& options() const { return options_; }
    LogSink log() const;   // to the host; errors as warnings, since a plugin fails by its status

    // Opened, and its kernels tested and measured, by the first call. Throws a ResultError.
    const std::shared_ptr<Device>& device(const sdk::Events& events);

private:
    sdk::Options options_;
    std::shared_ptr<Device> device_;
};

// What was opened last, for the next request that wants the same.
template <class T>
class Kept {
public:
    // `open` fills the empty slot that it is given, unless it did so for the same key last time.
    template <class Open>
    T& get(const std::string& key, const sdk::Events& events, Open open) {
        if (slot_ && key == key_) return *slot_;
        events.progress(0, 0, 0, "loading");
        slot_.reset();   // before the next one asks for memory
        open(slot_);
        key_ = key;
        return *slot_;
    }

    void drop() { slot_.reset(); }

private:
    std::optional<T> slot_;
    std::string key_;
};

// Of the results that a request asks for, those that one run makes.
struct Batch {
    int done = 0;   // before it
    int size = 1, total = 1;
};

// Calls run(request, batch) for one batch of r.count results after the other, so that what is
// finished is kept. Every result has the next seed.
template <class Request, class Run>
void in_batches(Request r, Run run) {
    for (Batch b{0, 0, r.count}; b.done < b.total; b.done += b.size, r.seed += uint64_t(b.size)) {
        b.size = r.count = std::min(r.batch, b.total - b.done);
        run(r, b);
    }
}

// A stage of a pipeline, and what share of a run it takes. Other stages take none.
struct Stage {
    std::string_view name;
    double share;
};

// Tells `events`, which must outlive it, how far the whole request is. Never goes back: kernels are
// compiled in between.
StageProgress progress_of(const sdk::Events& events, std::vector<Stage> stages, Batch batch = {});

// Lets what the engine throws out of `run` arrive at the host as what it is.
template <class Run>
void as_failures(Run run) {
    try {
        run();
    } catch (const ResultError& e) {
        throw sdk::Failure(kiln_status(int(e.error.status)), e.error.message);
    } catch (const ModelError& e) {
        throw sdk::Failure(KILN_BAD_FILE, e.what());
    }
}

}   // namespace kiln::builtin
