// For plugins written in C++: fills the table of plugin.h from a class, so that no plugin repeats
// the casts, the catch clauses and the last_error bookkeeping. The class T provides
//
//     static const char* describe();                          JSON, see plugin.h
//     static std::string models(const Options&);              JSON array, see plugin.h
//     explicit T(const Options&);
//     void run(const Request&, const Events&);
//
// and the plugin ends with
//
//     KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) { return kiln::sdk::table<T>(); }
//
// inside extern "C". Any of them may throw: a Failure carries its status, std::bad_alloc means out
// of memory, any other exception is a defect of the plugin (KILN_FAILED).
#pragma once
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "failure.h"
#include "plugin.h"

namespace kiln::sdk {

// kiln_options with the defaults as empty strings. log may be called at any time while the plugin's
// instance lives.
struct Options {
    std::string device, caps, models, share, cache;
    uint64_t memory = 0;
    bool tuning = true;
    void (*log_function)(void*, kiln_log_level, const char*) = nullptr;
    void* log_user = nullptr;

    explicit Options(const kiln_options* o) {
        if (!o) return;
        auto text = [](const char* s) { return std::string(s ? s : ""); };
        if (KILN_HAS(o, device)) device = text(o->device);
        if (KILN_HAS(o, caps)) caps = text(o->caps);
        if (KILN_HAS(o, memory)) memory = o->memory;
        if (KILN_HAS(o, models)) models = text(o->models);
        if (KILN_HAS(o, share)) share = text(o->share);
        if (KILN_HAS(o, cache)) cache = text(o->cache);
        if (KILN_HAS(o, no_tuning)) tuning = !o->no_tuning;
        if (KILN_HAS(o, user)) log_function = o->log, log_user = o->user;
    }
    void log(kiln_log_level level, const std::string& message) const {
        if (log_function) log_function(log_user, level, message.c_str());
    }
};

struct Blob {
    std::string_view name, file_name;
    std::span<const std::byte> data;
};

struct Request {
    std::string_view json;
    std::string_view media_type;   // that the user asked for; "": the plugin's choice
    std::string_view file_stem;    // of the first result's file; "": not settled
    std::vector<Blob> blobs;

    explicit Request(const kiln_request* r) : json(r->json ? r->json : "{}") {
        if (KILN_HAS(r, media_type) && r->media_type) media_type = r->media_type;
        if (KILN_HAS(r, file_stem) && r->file_stem) file_stem = r->file_stem;
        for (uint32_t i = 0; i < r->blob_count; i++) {
            const kiln_blob& b = *r->blobs[i];
            blobs.push_back({b.name,
                             b.file_name ? b.file_name : b.name,
                             {static_cast<const std::byte*>(b.data), size_t(b.data_size)}});
        }
    }
    // The file that stands for a property, or null if the request has none of that name.
    const Blob* find(std::string_view name) const {
        for (const Blob& b : blobs)
            if (b.name == name) return &b;
        return nullptr;
    }
};

struct Artifact {
    uint32_t index = 0;
    std::string media_type, name, metadata;   // metadata: JSON object
    std::span<const std::byte> data;
};

class Events {
public:
    explicit Events(const kiln_events* e) : e_(e) {}

    // step of total is done; seconds_left 0 leaves the estimate to the host.
    void progress(uint32_t step, uint32_t total, double fraction, const char* stage,
                  double seconds_left = 0) const {
        if (!e_ || !KILN_HAS(e_, progress) || !e_->progress) return;
        kiln_progress p{};
        p.size = sizeof p;
        p.step = step, p.total = total, p.fraction = fraction;
        p.seconds_left = seconds_left, p.stage = stage;
        e_->progress(e_->user, &p);
    }
    void preview(const Artifact& a) const {
        if (!e_ || !KILN_HAS(e_, preview) || !e_->preview) return;
        kiln_artifact c = as_c(a);
        e_->preview(e_->user, &c);
    }
    // Throws if the host could not keep it.
    void artifact(const Artifact& a) const {
        if (!e_ || !KILN_HAS(e_, artifact) || !e_->artifact) return;
        kiln_artifact c = as_c(a);
        kiln_status kept = e_->artifact(e_->user, &c);
        if (kept != KILN_DONE) throw Failure(kept, "the result could not be stored");
    }
    bool cancelled() const {
        return e_ && KILN_HAS(e_, cancelled) && e_->cancelled && e_->cancelled(e_->user);
    }
    void stop_if_cancelled() const {
        if (cancelled()) throw Failure(KILN_INTERRUPTED, "interrupted");
    }

private:
    static kiln_artifact as_c(const Artifact& a) {
        kiln_artifact c{};
        c.size = sizeof c;
        c.index = a.index;
        c.media_type = a.media_type.c_str();
        c.name = a.name.empty() ? nullptr : a.name.c_str();
        c.data = a.data.data(), c.data_size = a.data.size();
        c.metadata = a.metadata.empty() ? nullptr : a.metadata.c_str();
        return c;
    }
    const kiln_events* e_;
};

namespace detail {

inline std::string& thread_error() {
    thread_local std::string text;
    return text;
}

template <class F>
kiln_status guarded(std::string& error, F call) noexcept {
    try {
        call();
        return KILN_DONE;
    } catch (const Failure& failure) {
        error = failure.what();
        return failure.status;
    } catch (const std::bad_alloc&) {
        error = "out of memory";
        return KILN_OUT_OF_MEMORY;
    } catch (const std::exception& other) {
        error = other.what();
    } catch (...) {
        error = "an exception of unknown type";
    }
    return KILN_FAILED;
}

template <class T>
struct Holder {
    T plugin;
    std::string error;
    static Holder* of(kiln_instance* i) { return reinterpret_cast<Holder*>(i); }
};

}   // namespace detail

template <class T>
const kiln_plugin* table() {
    using detail::Holder;
    static const kiln_plugin t = [] {
        kiln_plugin p{};
        p.size = sizeof p;
        p.abi = KILN_PLUGIN_ABI;
        p.describe = [] { return T::describe(); };
        p.models = [](const kiln_options* options, const char** json) {
            thread_local std::string text;
            return detail::guarded(detail::thread_error(), [&] {
                text = T::models(Options(options));
                *json = text.c_str();
            });
        };
        p.create = [](const kiln_options* options, kiln_instance** instance) {
            return detail::guarded(detail::thread_error(), [&] {
                auto* holder = new Holder<T>{T(Options(options)), {}};
                *instance = reinterpret_cast<kiln_instance*>(holder);
            });
        };
        p.run = [](kiln_instance* instance, const kiln_request* request,
                   const kiln_events* events) {
            auto* holder = Holder<T>::of(instance);
            return detail::guarded(holder->error,
                                   [&] { holder->plugin.run(Request(request), Events(events)); });
        };
        p.destroy = [](kiln_instance* instance) { delete Holder<T>::of(instance); };
        p.last_error = [](const kiln_instance* instance) {
            if (!instance) return detail::thread_error().c_str();
            return reinterpret_cast<const Holder<T>*>(instance)->error.c_str();
        };
        return p;
    }();
    return &t;
}

}   // namespace kiln::sdk
