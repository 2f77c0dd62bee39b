// The host's side of plugin.h: load a plugin, ask what it is, run requests on it. Failures are
// thrown as Failure with the status of plugin.h; nothing here prints or reads the environment.
#pragma once
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "plugins/sdk/failure.h"
#include "plugins/sdk/plugin.h"

namespace kiln::sdk {

using Json = nlohmann::ordered_json;   // a schema's properties keep the order they were written in

// The choices of kiln_options; empty strings and 0 are the defaults.
struct HostOptions {
    std::string device, caps, models, share, cache;
    uint64_t memory = 0;
    bool tuning = true;   // of the kernels, at the first use of a device
    std::function<void(kiln_log_level, const std::string&)> log;
};

struct HostBlob {
    std::string name, file_name;
    std::vector<std::byte> data;
};

struct ArtifactView {
    uint32_t index;
    std::string media_type, name;
    std::span<const std::byte> data;   // valid during the callback
    Json metadata;
};

// Callbacks of one run, made on the thread that called run(). An exception thrown by one stops the
// run and leaves run() unchanged. `cancelled` may be called from any thread.
struct HostEvents {
    std::function<void(const kiln_progress&)> progress;
    std::function<void(const ArtifactView&)> preview;
    std::function<void(const ArtifactView&)> artifact;
    std::function<bool()> cancelled;
};

// A created instance. Movable; must not outlive its options' log function.
class Session {
public:
    // The request is handed over as it is: check it first (schema.h). Returns when everything is
    // made; throws what the plugin, or a callback, reported. `media_type` is the one of the
    // plugin's outputs that the user asked for; "": any. `file_stem` is what the first result's
    // file will be called, without its extension; "": not settled.
    void run(const Json& request, std::span<const HostBlob> blobs, const HostEvents& events,
             const std::string& media_type = {}, const std::string& file_stem = {});

private:
    friend class Plugin;
    Session(const kiln_plugin* table, const HostOptions& options);
    const kiln_plugin* table_;
    std::unique_ptr<HostOptions> options_;
    std::unique_ptr<kiln_instance, void (*)(kiln_instance*)> instance_{nullptr, nullptr};
};

struct Output {
    std::string media_type, extension;   // extension without the dot
};

// A loaded plugin; copies share the library, which stays loaded until the process ends.
class Plugin {
public:
    // Opens a library and checks all that can be checked without a device: the symbol, the ABI, the
    // table, the description and its schema. What is wrong is a Failure (KILN_BAD_FILE) that says
    // so.
    static Plugin load(const std::filesystem::path& library);
    // The same for a table that is linked in; `path` only appears in messages.
    static Plugin from_table(const kiln_plugin* table, const std::filesystem::path& path);

    const std::filesystem::path& path() const { return path_; }
    const std::string& name() const { return name_; }
    const std::string& version() const { return version_; }
    const std::string& summary() const { return summary_; }
    const std::vector<Output>& outputs() const { return outputs_; }
    const Json& schema() const { return schema_; }   // of the request

    Json models(const HostOptions& options) const;   // array, as models() in plugin.h
    Session create(const HostOptions& options) const { return Session(table_, options); }

private:
    Plugin() = default;
    void read_description();

    const kiln_plugin* table_ = nullptr;
    std::filesystem::path path_;
    std::string name_, version_, summary_;
    std::vector<Output> outputs_;
    Json schema_;
};

}   // namespace kiln::sdk
