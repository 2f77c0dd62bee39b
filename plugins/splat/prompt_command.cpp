#include "plugins/splat/prompt_command.h"

#include <cstdio>

#include "plugins/builtin/fields.h"
#include "plugins/sdk/models.h"
#include "plugins/splat/checkpoint.h"
#include "plugins/splat/field_command.h"
#include "plugins/splat/pace.h"
#include "plugins/splat/prompt_request.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kPreparing = 0.02, kDistilled = 0.9;   // shares of a run

// Mean alpha in pictures of something: less is nothing, more is fog.
constexpr double kNothing = 0.01, kFog = 0.9;

void check_alpha(const ShapeDistiller::Report& report, const sdk::Options& told) {
    if (report.alpha < kNothing)
        told.log(KILN_LOG_WARNING, "the shape has vanished: another seed may do better");
    if (report.alpha > kFog)
        told.log(KILN_LOG_WARNING, "fog fills the pictures: another seed may do better");
}

void compare(ShapeDistiller& shape, Json& request, const sdk::Options& told) {
    const ReferenceLoss::Quality q = take(shape.compare()).at(0);
    request["psnr"] = q.psnr, request["overlap"] = q.overlap;
    char text[100];
    std::snprintf(text, sizeof text, "the picture from its side: PSNR %.2f dB, overlap %.0f %%",
                  q.psnr, 100 * q.overlap);
    told.log(KILN_LOG_INFO, text);
}

// From before and a little to the side.
void preview(ShapeDistiller& shape, const ShapeSettings& settings, const std::string& name,
             const sdk::Events& events) {
    const Image image = take(shape.picture({.azimuth = 30,
                                            .elevation = 15,
                                            .distance = settings.views.distance.high,
                                            .field_of_view = settings.views.field_of_view.high}));
    events.preview({0, "image/png", name, "", encode_png(image)});
}

// A field's mesh is made of the field itself.
void hand_over(ShapeDistiller& shape, FieldShape* field, const Wanted& wanted,
               const std::string& name, Json& request, builtin::Session& session,
               const sdk::Events& events) {
    if (field && wanted.mesh) {
        FieldSolid solid = field->solid();
        if (deliver_mesh(solid, kDistilled, wanted, name, request, session, events)) return;
    }
    const Splats splats = take(shape.splats());
    request["count"] = splats.size();
    deliver(splats, field ? without_mesh(wanted) : wanted, name, request, session, events);
}

}   // namespace

Prior& PromptCommand::prior(const Json& request, const std::string& model,
                            builtin::Session& session, const sdk::Events& events) {
    const auto device = session.device(events);
    ImageOptions o = prior_options(request);
    o.log = session.log();
    if (o.tokenizer.empty()) o.tokenizer = session.options().share + "/clip_bpe";
    const Json key = {model, o.variant, o.tokenizer, int(o.precision)};
    return *prior_.get(key.dump(), events, [&](std::optional<std::unique_ptr<ImagePrior>>& slot) {
        slot = take(ImagePrior::open(device, model, o));
    });
}

void PromptCommand::run(Json request, const sdk::Request& files, const Wanted& wanted,
                        builtin::Session& session, const sdk::Events& events) {
    const sdk::Options& told = session.options();
    const std::string model = sdk::find_model(told, "image", request.value("model", ""));
    ShapeSettings settings = shape_settings(request);
    const std::optional<Image> given = given_object(request, files);
    std::optional<std::string> negative;
    if (request.contains("negative")) negative = request["negative"];
    std::unique_ptr<FieldShape> made;
    if (is_field(request)) {
        FieldShapeOptions content = field_settings(request, settings);
        content.cancelled = [&] { return events.cancelled(); };
        made = take(FieldShape::create(session.device(events), content));
    }
    Prior& with = prior(request, model, session, events);
    if (given) add_picture(settings, request, *given, with.info().picture_height);
    events.progress(0, uint32_t(settings.steps), kPreparing / 2, "reading the prompt");
    FieldShape* const field = made.get();
    ShapeDistiller shape = take(ShapeDistiller::create(
        session.device(events), with, settings, whole_prompt(request), negative, std::move(made)));
    if (request.contains("resume")) take(shape.resume(request["resume"]));
    const Checkpoint checkpoint(request, told.cache,
                                [&](const std::string& path) { return shape.save(path); });
    builtin::sign(request, model);
    for (const char* key : {"checkpoint", "checkpoint_every", "resume"}) request.erase(key);
    const std::string name = request["prompt"];

    const uint32_t previews = request.value("preview_every", 0u);
    const double last = field ? kDistilled : 1;   // splats of a field take some more time
    Pace pace;
    ShapeDistiller::Report report{};
    while (shape.done() < settings.steps && !events.cancelled()) {
        report = take(shape.step());
        const uint32_t done = uint32_t(report.step), steps = uint32_t(settings.steps);
        events.progress(done, steps, kPreparing + (last - kPreparing) * done / steps, "distilling",
                        pace.left(steps - done));
        checkpoint.after(done);
        if (previews && done % previews == 0) preview(shape, settings, name, events);
    }
    const bool whole = shape.done() == settings.steps;
    if (whole) {
        checkpoint.finish();
        check_alpha(report, told);
    }
    if (given) compare(shape, request, told);
    request["done"] = shape.done();
    try {
        hand_over(shape, field, wanted, name, request, session, events);
    } catch (const ResultError& failure) {
        if (whole) throw;   // of a field in the making there may be nothing to see yet
        told.log(KILN_LOG_WARNING, failure.error.message + "; only the state is kept");
    }
    if (whole) return;
    checkpoint.interrupt(name, told, events);
    throw sdk::Failure(KILN_INTERRUPTED, "interrupted after step " + std::to_string(shape.done()) +
                                             "; what there is was kept");
}

}   // namespace kiln::splat_plugin
