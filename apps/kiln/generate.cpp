#include "apps/kiln/commands.h"
#include "apps/kiln/interrupt.h"
#include "apps/kiln/output.h"
#include "apps/kiln/reporter.h"

namespace kiln::app {

static Voice voice(const Global& global) {
    if (global.json) return Voice::events;
    return global.environment.terminal ? Voice::bar : Voice::plain;
}

int generate(const Global& global, const sdk::Plugin& plugin, const Filled& filled,
             const std::string& output) {
    Reporter reporter(voice(global), global.quiet);
    try {
        Output target(output, plugin.outputs());
        sdk::HostOptions options = global.host_options();
        options.log = [&](kiln_log_level level, const std::string& text) {
            reporter.log(level, text);
        };
        catch_interrupts();
        sdk::Session session = plugin.create(options);
        sdk::HostEvents events;
        events.progress = [&](const kiln_progress& p) { reporter.progress(p); };
        events.preview = [&](const sdk::ArtifactView& a) { reporter.preview(a); };
        events.artifact = [&](const sdk::ArtifactView& a) {
            const std::string path = target.store(a);
            reporter.written(path, a);
            const auto open = a.metadata.find("open");
            if (open != a.metadata.end() && *open == true && global.environment.desktop &&
                !global.json)
                open_on_desktop(path);
        };
        events.cancelled = interrupted;
        session.run(filled.request, filled.blobs, events, target.media_type(), target.stem());
        reporter.finished();
        return KILN_DONE;
    } catch (const sdk::Failure& failure) {
        std::string defect = failure.status == KILN_FAILED
                                 ? " (a defect of the plugin " + plugin.path().string() + ")"
                                 : "";
        reporter.failed(failure.status, failure.what() + defect);
        return failure.status;
    }
}

}   // namespace kiln::app
