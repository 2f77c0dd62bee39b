// The host against plugins that are right, old, new, and wrong; each is a table in this file, made
// with the adapter or by hand.
#include "plugins/sdk/host.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <new>

#include "plugins/sdk/adapter.h"
#include "runtime/base/result.h"

using namespace kiln::sdk;
using Catch::Matchers::ContainsSubstring;

static_assert(int(kiln::Status::done) == KILN_DONE && int(kiln::Status::usage) == KILN_USAGE &&
                  int(kiln::Status::bad_file) == KILN_BAD_FILE &&
                  int(kiln::Status::no_device) == KILN_NO_DEVICE &&
                  int(kiln::Status::out_of_memory) == KILN_OUT_OF_MEMORY &&
                  int(kiln::Status::not_finite) == KILN_NOT_FINITE &&
                  int(kiln::Status::interrupted) == KILN_INTERRUPTED,
              "a status means the same on both sides of the interface");

namespace {

// Echoes what it is given; "fail" in the request chooses how it ends.
struct Echo {
    kiln::sdk::Options options;
    explicit Echo(const kiln::sdk::Options& o) : options(o) {
        if (options.device == "none") throw kiln::sdk::Failure(KILN_NO_DEVICE, "no such device");
        options.log(KILN_LOG_INFO, "created");
    }
    static const char* describe() {
        return R"({"name": "echo", "version": "2.1", "summary": "Echoes",
                   "outputs": [{"media_type": "text/plain", "extension": "txt"}],
                   "request": {"type": "object", "properties": {"fail": {"type": "string"}}}})";
    }
    static std::string models(const kiln::sdk::Options& o) {
        if (o.models == "broken") throw kiln::sdk::Failure(KILN_BAD_FILE, "broken: no model");
        return R"([{"name": "one", "path": ")" + o.models + R"("}])";
    }
    void run(const Request& request, const Events& events) {
        auto r = Json::parse(request.json);
        std::string fail = r.value("fail", "");
        if (fail == "failure") throw kiln::sdk::Failure(KILN_NOT_FINITE, "NaN in step 3");
        if (fail == "memory") throw std::bad_alloc();
        if (fail == "defect") throw std::logic_error("oops");
        if (fail == "int") throw 3;
        events.progress(1, 2, 0.5, "echoing", 4.0);
        events.stop_if_cancelled();
        Artifact a{0, "text/plain", "echo", R"({"seed": 7})",
                   std::as_bytes(std::span(request.json))};
        events.preview(a);
        events.artifact(a);
        if (const Blob* blob = request.find("file"))
            events.artifact({1, "text/plain", std::string(blob->file_name), "", blob->data});
        if (!request.media_type.empty())
            events.artifact({2, std::string(request.media_type), "asked for", "", {}});
        if (!request.file_stem.empty())
            events.artifact({3, "text/plain", std::string(request.file_stem), "", {}});
    }
};

kiln_plugin copy_of(const kiln_plugin* table) { return *table; }

std::string refusal(const kiln_plugin* table) {
    try {
        Plugin::from_table(table, "x.so");
    } catch (const kiln::sdk::Failure& failure) {
        CHECK(failure.status == KILN_BAD_FILE);
        return failure.what();
    }
    return "";
}

kiln_status status_of(Session& session, const char* request, const HostEvents& events = {}) {
    try {
        session.run(Json::parse(request), {}, events);
    } catch (const kiln::sdk::Failure& failure) {
        return failure.status;
    }
    return KILN_DONE;
}

}   // namespace

TEST_CASE("a plugin is what it describes") {
    Plugin plugin = Plugin::from_table(table<Echo>(), "echo.so");
    CHECK(plugin.name() == "echo");
    CHECK(plugin.version() == "2.1");
    CHECK(plugin.outputs().at(0).extension == "txt");
    CHECK(plugin.schema()["properties"].contains("fail"));
}

TEST_CASE("a request, its blobs and its results cross the interface whole") {
    HostOptions options;
    std::string logged;
    options.log = [&](kiln_log_level, const std::string& text) { logged = text; };
    Session session = Plugin::from_table(table<Echo>(), "echo.so").create(options);
    CHECK(logged == "created");

    std::vector<HostBlob> blobs(1);
    blobs[0].name = "file", blobs[0].file_name = "a.bin";
    for (char c : {'\0', 'x', '\xff'}) blobs[0].data.push_back(std::byte(c));
    std::vector<std::string> texts, names;
    int previews = 0, steps = 0;
    HostEvents events;
    events.progress = [&](const kiln_progress& p) {
        steps++;
        CHECK(p.step == 1);
        CHECK(p.total == 2);
        CHECK(p.fraction == 0.5);
        CHECK(p.seconds_left == 4.0);
        CHECK(std::string(p.stage) == "echoing");
    };
    events.preview = [&](const ArtifactView&) { previews++; };
    events.artifact = [&](const ArtifactView& a) {
        texts.emplace_back(reinterpret_cast<const char*>(a.data.data()), a.data.size());
        names.push_back(a.name);
        CHECK(a.metadata.is_object());
    };
    session.run(Json::parse(R"({"fail": "", "word": "ünïcode"})"), blobs, events);
    CHECK(steps == 1);
    CHECK(previews == 1);
    CHECK(texts ==
          std::vector<std::string>{R"({"fail":"","word":"ünïcode"})", std::string("\0x\xff", 3)});
    CHECK(names == std::vector<std::string>{"echo", "a.bin"});
}

TEST_CASE("a plugin hears what kind of file was asked for, if one was") {
    Session session = Plugin::from_table(table<Echo>(), "echo.so").create({});
    std::vector<std::string> kinds;
    HostEvents events;
    events.artifact = [&](const ArtifactView& a) { kinds.push_back(a.media_type); };
    session.run(Json::object(), {}, events);
    CHECK(kinds == std::vector<std::string>{"text/plain"});
    session.run(Json::object(), {}, events, "text/html");
    CHECK(kinds.back() == "text/html");
}

TEST_CASE("a plugin hears what its first result will be called, if that is settled") {
    Session session = Plugin::from_table(table<Echo>(), "echo.so").create({});
    std::vector<std::string> names;
    HostEvents events;
    events.artifact = [&](const ArtifactView& a) { names.push_back(a.name); };
    session.run(Json::object(), {}, events);
    CHECK(names == std::vector<std::string>{"echo"});
    session.run(Json::object(), {}, events, "", "thing");
    CHECK(names.back() == "thing");
}

TEST_CASE("each way to fail keeps its status and its words") {
    Plugin plugin = Plugin::from_table(table<Echo>(), "echo.so");
    Session session = plugin.create({});
    CHECK(status_of(session, R"({"fail": "failure"})") == KILN_NOT_FINITE);
    CHECK(status_of(session, R"({"fail": "memory"})") == KILN_OUT_OF_MEMORY);
    CHECK(status_of(session, R"({"fail": "int"})") == KILN_FAILED);
    CHECK_THROWS_WITH(session.run(Json::parse(R"({"fail": "defect"})"), {}, {}), "oops");
    CHECK(status_of(session, "{}") == KILN_DONE);

    HostOptions none;
    none.device = "none";
    CHECK_THROWS_WITH(plugin.create(none), "no such device");
    HostOptions broken;
    broken.models = "broken";
    CHECK_THROWS_WITH(plugin.models(broken), "broken: no model");
    broken.models = "folder";
    CHECK(plugin.models(broken).at(0)["path"] == "folder");
}

TEST_CASE("a run that is cancelled is interrupted") {
    Session session = Plugin::from_table(table<Echo>(), "echo.so").create({});
    HostEvents events;
    bool made = false;
    events.cancelled = [] { return true; };
    events.artifact = [&](const ArtifactView&) { made = true; };
    CHECK(status_of(session, "{}", events) == KILN_INTERRUPTED);
    CHECK_FALSE(made);
}

TEST_CASE("an exception of a callback comes back from run and stops it") {
    Session session = Plugin::from_table(table<Echo>(), "echo.so").create({});
    HostEvents events;
    int artifacts = 0;
    events.progress = [](const kiln_progress&) { throw std::runtime_error("disk full"); };
    events.artifact = [&](const ArtifactView&) { artifacts++; };
    CHECK_THROWS_WITH(session.run(Json::object(), {}, events), "disk full");
    CHECK(artifacts == 0);
}

TEST_CASE("a plugin that cannot be used is refused with the reason") {
    CHECK_THAT(refusal(nullptr), ContainsSubstring("returned nothing"));
    kiln_plugin other = copy_of(table<Echo>());
    other.abi = KILN_PLUGIN_ABI + 1;
    CHECK_THAT(refusal(&other),
               ContainsSubstring("built for plugin interface 2, this Kiln speaks 1"));
    kiln_plugin small = copy_of(table<Echo>());
    small.size = 16;
    CHECK_THAT(refusal(&small), ContainsSubstring("16 bytes"));
    kiln_plugin holes = copy_of(table<Echo>());
    holes.run = nullptr;
    CHECK_THAT(refusal(&holes), ContainsSubstring("lacks a function"));
    kiln_plugin silent = copy_of(table<Echo>());
    silent.describe = [] { return static_cast<const char*>(nullptr); };
    CHECK_THAT(refusal(&silent), ContainsSubstring("not a JSON object"));
    kiln_plugin name = copy_of(table<Echo>());
    name.describe = [] { return R"({"name": "../x", "version": "1", "summary": "s"})"; };
    CHECK_THAT(refusal(&name), ContainsSubstring("not made of a-z"));
    kiln_plugin schema = copy_of(table<Echo>());
    schema.describe = [] {
        return R"({"name": "x", "version": "1", "summary": "s", "request": {},
                   "outputs": [{"media_type": "a/b", "extension": "b"}]})";
    };
    CHECK_THAT(refusal(&schema), ContainsSubstring("request schema: it is not of type object"));
    CHECK_THROWS_WITH(Plugin::load("no/such/plugin.so"), ContainsSubstring("no/such/plugin.so"));
}

TEST_CASE("a larger table of a later host or plugin is read up to what is known") {
    struct Later {
        kiln_plugin table;
        void (*added)(void);
    } later{copy_of(table<Echo>()), nullptr};
    later.table.size = sizeof later;
    CHECK(Plugin::from_table(&later.table, "later.so").name() == "echo");

    // A host that knows fewer options: the plugin sees defaults, not what lies behind the struct.
    kiln_options old{};
    old.size = offsetof(kiln_options, models);
    old.device = "some", old.models = reinterpret_cast<const char*>(1);
    kiln::sdk::Options seen(&old);
    CHECK(seen.device == "some");
    CHECK(seen.models.empty());
    CHECK(seen.log_function == nullptr);
}
