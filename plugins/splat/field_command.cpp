#include "plugins/splat/field_command.h"

#include <algorithm>
#include <cstdio>

#include "modalities/nerf/field_solid.h"
#include "plugins/splat/field_request.h"
#include "plugins/splat/learning.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kLearnt = 0.75, kMeasured = 0.78, kMade = 0.99;   // shares of a run
constexpr uint32_t kHurried = 2;   // rays a splat, which take long in a field that is still fog

void tell_cube(const FieldOptions& field, const sdk::Options& told) {
    char text[120];
    std::snprintf(text, sizeof text, "a field %.3g m wide around (%.3g, %.3g, %.3g)",
                  2 * field.half, field.centre[0], field.centre[1], field.centre[2]);
    told.log(KILN_LOG_INFO, text);
}

// Fitted to the pictures, unless the run was interrupted, now or before: `whole` tells.
Result<Splats> splats_of(FieldFit& fit, SplatsOfField options, const sdk::Events& events,
                         bool& whole) {
    options.progress = [&](std::string_view stage, uint32_t done, uint32_t total) {
        const double share = stage == "fitting" ? double(done) / total : 0;
        events.progress(done, total, kMeasured + (kMade - kMeasured) * share,
                        stage == "fitting" ? "making splats" : "looking for surfaces");
    };
    const auto made = [&] { return to_splats(fit.field(), fit.renderer(), fit.views(), options); };
    if (whole) {
        options.cancelled = [&] { return events.cancelled(); };
        Result<Splats> splats = made();
        whole = splats || splats.error().status != Status::interrupted;
        if (whole) return splats;
        options.cancelled = {};
    }
    options.steps = 0, options.rays = kHurried;
    return made();
}

// What is left of the field in the splats.
void measure(const Splats& splats, const SplatsOfField& made, Learning& run,
             builtin::Session& session, const sdk::Events& events) {
    if (run.pictures.held.empty()) return;
    std::vector<FitView> held;
    for (const PosedView& view : run.pictures.held) held.push_back({view.camera, view.image});
    FitOptions options;
    options.sh_degree = made.sh_degree, options.background = made.background;
    options.growth.most = std::max(options.growth.most, uint32_t(splats.size()));
    Fit drawn = take(Fit::create(session.device(events), std::move(held), splats, options));
    run.measure([&](const FitView& view) { return drawn.compare(view); }, "splats_", "its splats, ",
                kMade, 1);
}

}   // namespace

bool is_field(const Json& request) { return request.value("representation", "") == "nerf"; }

void fit_field(Json request, const Wanted& wanted, builtin::Session& session,
               const sdk::Events& events) {
    const sdk::Options& told = session.options();
    leave_to_splats(request);
    Learning run(std::move(request), session, events);
    const FieldFitOptions options = field_options(run.request, run.pictures);
    tell_cube(options.field, told);
    FieldFit fit =
        take(FieldFit::create(session.device(events), std::move(run.pictures.views), options));
    bool whole = run.learn(learner_of(fit, options.background), options.steps, kLearnt);
    if (whole)
        run.measure([&](const FitView& view) { return fit.compare(view); }, "", "the field, ",
                    kLearnt, kMeasured);
    run.request["done"] = fit.steps();
    const auto meshed = [&] {
        FieldSolid solid(fit.renderer(), options.field, options.march.cells,
                         solid_cells(fit, options));
        return deliver_mesh(solid, kMeasured, wanted, run.name, run.request, session, events);
    };
    if (!wanted.mesh || !meshed()) {
        const SplatsOfField into = splats_options(run.request, options);
        const Result<Splats> splats = splats_of(fit, into, events, whole);
        if (!splats && !whole) {
            told.log(KILN_LOG_WARNING, splats.error().message + "; only the state is kept");
            run.interrupt();
        }
        run.request["count"] = take(splats).size();
        told.log(KILN_LOG_INFO, std::to_string(splats->size()) + " splats of a field after " +
                                    std::to_string(fit.steps()) + " steps");
        if (whole) measure(*splats, into, run, session, events);
        deliver(*splats, without_mesh(wanted), run.name, run.request, session, events);
    }
    if (!whole) run.interrupt();
}

}   // namespace kiln::splat_plugin
