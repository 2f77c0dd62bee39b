#include "plugins/splat/fit_command.h"

#include "plugins/splat/fit_request.h"
#include "plugins/splat/learning.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kLearnt = 0.98;   // share of a run

}   // namespace

void fit_pictures(Json request, const Wanted& wanted, builtin::Session& session,
                  const sdk::Events& events) {
    Learning run(std::move(request), session, events);
    const FitOptions options = fit_options(run.request, run.pictures);
    const Splats initial = initial_splats(run.request, run.pictures);
    Fit fit =
        take(Fit::create(session.device(events), std::move(run.pictures.views), initial, options));
    const bool whole = run.learn(learner_of(fit, options.background), options.steps, kLearnt);
    if (whole)
        run.measure([&](const FitView& view) { return fit.compare(view); }, "", "", kLearnt, 1);
    const Splats splats = take(fit.splats());
    run.request["done"] = fit.steps(), run.request["count"] = splats.size();
    session.options().log(KILN_LOG_INFO, std::to_string(splats.size()) + " splats after " +
                                             std::to_string(fit.steps()) + " steps");
    deliver(splats, wanted, run.name, run.request, session, events);
    if (!whole) run.interrupt();
}

}   // namespace kiln::splat_plugin
