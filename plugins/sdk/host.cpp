#include "plugins/sdk/host.h"

#include <exception>

#include "plugins/sdk/library.h"
#include "plugins/sdk/schema.h"

namespace kiln::sdk {

static Failure bad_plugin(const std::filesystem::path& path, const std::string& why) {
    return Failure(KILN_BAD_FILE, "plugin " + path.string() + ": " + why);
}

Plugin Plugin::load(const std::filesystem::path& library) {
    std::string why;
    void* handle = open_library(std::filesystem::absolute(library), why);
    if (!handle) throw bad_plugin(library, why);
    auto entry = reinterpret_cast<kiln_plugin_table_fn>(find_symbol(handle, KILN_PLUGIN_SYMBOL));
    if (!entry)
        throw bad_plugin(library, "it exports no " KILN_PLUGIN_SYMBOL ", so it is no Kiln plugin");
    return from_table(entry(KILN_PLUGIN_ABI), library);
}

Plugin Plugin::from_table(const kiln_plugin* table, const std::filesystem::path& path) {
    if (!table) throw bad_plugin(path, KILN_PLUGIN_SYMBOL " returned nothing");
    if (table->abi != KILN_PLUGIN_ABI)
        throw bad_plugin(path, "it was built for plugin interface " + std::to_string(table->abi) +
                                   ", this Kiln speaks " + std::to_string(KILN_PLUGIN_ABI) +
                                   "; rebuild it against this Kiln's plugins/sdk");
    if (!KILN_HAS(table, last_error))
        throw bad_plugin(path, "its table has " + std::to_string(table->size) +
                                   " bytes, too few for plugin interface 1");
    if (!table->describe || !table->models || !table->create || !table->run || !table->destroy ||
        !table->last_error)
        throw bad_plugin(path, "its table lacks a function");
    Plugin plugin;
    plugin.table_ = table;
    plugin.path_ = path;
    plugin.read_description();
    return plugin;
}

void Plugin::read_description() {
    const char* text = table_->describe();
    Json d = Json::parse(text ? text : "", nullptr, false);
    if (!d.is_object()) throw bad_plugin(path_, "describe() is not a JSON object");
    auto word = [&](const Json& from, const char* key) {
        if (!from.is_object() || !from.contains(key) || !from[key].is_string() || from[key].empty())
            throw bad_plugin(path_, std::string("describe() lacks the string \"") + key + '"');
        return from[key].get<std::string>();
    };
    name_ = word(d, "name"), version_ = word(d, "version"), summary_ = word(d, "summary");
    if (name_.empty() ||
        name_.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != name_.npos)
        throw bad_plugin(path_, "the name \"" + name_ + "\" is not made of a-z, 0-9 and '-'");
    if (!d.contains("outputs") || !d["outputs"].is_array() || d["outputs"].empty())
        throw bad_plugin(path_, "describe() names no outputs");
    for (const Json& o : d["outputs"])
        outputs_.push_back({word(o, "media_type"), word(o, "extension")});
    schema_ = d.value("request", Json());
    if (std::string why = schema_defect(schema_); !why.empty())
        throw bad_plugin(path_, "request schema: " + why);
}

// Fills a kiln_options that points into `options`, which must live as long as it is used.
static kiln_options as_c(const HostOptions& options) {
    auto text = [](const std::string& s) { return s.empty() ? nullptr : s.c_str(); };
    kiln_options c{};
    c.size = sizeof c;
    c.device = text(options.device), c.caps = text(options.caps), c.memory = options.memory;
    c.models = text(options.models), c.share = text(options.share), c.cache = text(options.cache);
    c.no_tuning = !options.tuning;
    c.user = const_cast<HostOptions*>(&options);
    c.log = [](void* user, kiln_log_level level, const char* message) {
        const auto& log = static_cast<const HostOptions*>(user)->log;
        if (log) log(level, message ? message : "");
    };
    return c;
}

static Failure failed(const kiln_plugin* table, const kiln_instance* instance, kiln_status status) {
    const char* why = table->last_error(instance);
    return Failure(status, why && *why ? why : "failed without saying why");
}

Json Plugin::models(const HostOptions& options) const {
    kiln_options c = as_c(options);
    const char* text = nullptr;
    kiln_status status = table_->models(&c, &text);
    if (status != KILN_DONE) throw failed(table_, nullptr, status);
    Json list = Json::parse(text ? text : "", nullptr, false);
    if (!list.is_array()) throw bad_plugin(path_, "models() is not a JSON array");
    return list;
}

Session::Session(const kiln_plugin* table, const HostOptions& options)
    : table_(table), options_(std::make_unique<HostOptions>(options)) {
    kiln_options c = as_c(*options_);
    kiln_instance* instance = nullptr;
    kiln_status status = table_->create(&c, &instance);
    if (status != KILN_DONE) throw failed(table_, nullptr, status);
    instance_ = {instance, table_->destroy};
}

namespace {

// What the C callbacks of one run reach through `user`. An exception must not cross the plugin, so
// it waits here until run() is back.
struct Running {
    const HostEvents& events;
    std::exception_ptr thrown;

    template <class F>
    void shielded(F call) {
        if (thrown) return;
        try {
            call();
        } catch (...) {
            thrown = std::current_exception();
        }
    }
};

}   // namespace

static ArtifactView view(const kiln_artifact& a) {
    Json metadata = Json::parse(a.metadata ? a.metadata : "{}", nullptr, false);
    return {a.index,
            a.media_type ? a.media_type : "",
            a.name ? a.name : "",
            {static_cast<const std::byte*>(a.data), size_t(a.data_size)},
            metadata.is_object() ? metadata : Json::object()};
}

static kiln_events as_c(Running& running) {
    kiln_events c{};
    c.size = sizeof c;
    c.user = &running;
    c.progress = [](void* user, const kiln_progress* p) {
        auto& r = *static_cast<Running*>(user);
        if (r.events.progress) r.shielded([&] { r.events.progress(*p); });
    };
    c.preview = [](void* user, const kiln_artifact* a) {
        auto& r = *static_cast<Running*>(user);
        if (r.events.preview) r.shielded([&] { r.events.preview(view(*a)); });
    };
    c.artifact = [](void* user, const kiln_artifact* a) {
        auto& r = *static_cast<Running*>(user);
        if (r.events.artifact) r.shielded([&] { r.events.artifact(view(*a)); });
        return r.thrown ? KILN_FAILED : KILN_DONE;
    };
    c.cancelled = [](void* user) {
        auto& r = *static_cast<Running*>(user);
        return r.thrown || (r.events.cancelled && r.events.cancelled()) ? 1 : 0;
    };
    return c;
}

void Session::run(const Json& request, std::span<const HostBlob> blobs, const HostEvents& events,
                  const std::string& media_type, const std::string& file_stem) {
    std::vector<kiln_blob> each(blobs.size());
    std::vector<const kiln_blob*> pointers;
    for (size_t i = 0; i < blobs.size(); i++) {
        each[i] = {sizeof(kiln_blob),     0,
                   blobs[i].name.c_str(), blobs[i].file_name.c_str(),
                   blobs[i].data.data(),  blobs[i].data.size()};
        pointers.push_back(&each[i]);
    }
    std::string json = request.dump();
    kiln_request c{sizeof(kiln_request),
                   uint32_t(blobs.size()),
                   json.c_str(),
                   pointers.data(),
                   media_type.empty() ? nullptr : media_type.c_str(),
                   file_stem.empty() ? nullptr : file_stem.c_str()};
    Running running{events, nullptr};
    kiln_events callbacks = as_c(running);
    kiln_status status = table_->run(instance_.get(), &c, &callbacks);
    if (running.thrown) std::rethrow_exception(running.thrown);
    if (status != KILN_DONE) throw failed(table_, instance_.get(), status);
}

}   // namespace kiln::sdk
