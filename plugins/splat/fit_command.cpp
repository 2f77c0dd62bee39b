#include "plugins/splat/fit_command.h"

#include <cstdio>
#include <filesystem>

#include "plugins/builtin/fields.h"
#include "plugins/splat/checkpoint.h"
#include "plugins/splat/fit_request.h"
#include "plugins/splat/pace.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kReading = 0.02, kMeasuring = 0.02;   // shares of a run

// What previews show: the first picture that is not learnt from.
struct Place {
    Camera camera;
    int width, height;

    explicit Place(const Pictures& p)
        : camera(p.held.empty() ? p.views[0].camera : p.held[0].camera),
          width((p.held.empty() ? p.views[0].image : p.held[0].image).width),
          height((p.held.empty() ? p.views[0].image : p.held[0].image).height) {}
};

std::vector<std::byte> picture_of(Fit& fit, const Place& place,
                                  const std::array<float, 3>& background) {
    const std::vector<float> pixels =
        take(fit.draw(place.camera, place.width, place.height, background));
    Image image{place.width, place.height, 3, {}};
    for (const float v : pixels)
        image.pixels.push_back(uint8_t(std::clamp(v, 0.0f, 1.0f) * 255 + 0.5f));
    return encode_png(image);
}

struct Run {
    Fit& fit;
    const std::vector<PosedView>& held;
    const Place& place;
    const FitOptions& options;
    Json& request;
    const sdk::Events& events;
    const std::string& name;

    // False if it was interrupted.
    bool learn(const Checkpoint& checkpoint);
    void preview() const;
    void measure(const sdk::Options& told);
};

bool Run::learn(const Checkpoint& checkpoint) {
    const uint32_t every = request.value("preview_every", 0u);
    Pace pace;
    while (!fit.done()) {
        if (events.cancelled()) return false;
        take(fit.step());
        const uint32_t done = fit.steps();
        events.progress(done, options.steps,
                        kReading + (1 - kReading - kMeasuring) * done / options.steps, "fitting",
                        pace.left(options.steps - done));
        checkpoint.after(done);
        if (every > 0 && done % every == 0) preview();
    }
    return true;
}

void Run::preview() const {
    events.preview({0, "image/png", name, "", picture_of(fit, place, options.background)});
}

void Run::measure(const sdk::Options& told) {
    if (held.empty()) return;
    double psnr = 0, ssim = 0;
    const uint32_t n = uint32_t(held.size());
    for (uint32_t i = 0; i < n; i++) {
        events.progress(i, n, 1 - kMeasuring + kMeasuring * i / n, "measuring");
        const PosedView& view = held[i];
        const Fit::Quality quality = take(fit.compare({view.camera, view.image}));
        psnr += quality.psnr / n, ssim += quality.ssim / n;
    }
    request["psnr"] = psnr, request["ssim"] = ssim, request["held_out"] = n;
    char text[100];
    std::snprintf(text, sizeof text, "%u pictures held out: PSNR %.2f dB, SSIM %.4f", n, psnr,
                  ssim);
    told.log(KILN_LOG_INFO, text);
}

}   // namespace

void fit_pictures(Json request, const Wanted& wanted, builtin::Session& session,
                  const sdk::Events& events) {
    const sdk::Options& told = session.options();
    Pictures pictures = read_pictures(
        request,
        [&](int done, int total) {
            events.progress(uint32_t(done), uint32_t(total), kReading * done / total, "reading");
        },
        [&] { return events.cancelled(); });
    const FitOptions options = fit_options(request, pictures);
    told.log(KILN_LOG_INFO, std::to_string(pictures.views.size()) + " pictures to learn from, " +
                                std::to_string(pictures.held.size()) + " held out, cameras of " +
                                pictures.source);
    const Place place(pictures);
    Fit fit = take(
        Fit::create(session.device(events), std::move(pictures.views), pictures.initial, options));
    if (request.contains("resume")) take(fit.resume(request["resume"]));

    std::filesystem::path folder(request["images"].get<std::string>());
    if (folder.filename().empty()) folder = folder.parent_path();
    const std::string name = folder.stem().string();
    const Checkpoint checkpoint(request, told.cache,
                                [&](const std::string& path) { return fit.save(path); });
    request["images"] = name, request["version"] = builtin::version();
    for (const char* key : {"checkpoint", "checkpoint_every", "resume"}) request.erase(key);

    Run run{fit, pictures.held, place, options, request, events, name};
    const bool whole = run.learn(checkpoint);
    if (whole) {
        checkpoint.finish();
        run.measure(told);
    }
    const Splats splats = take(fit.splats());
    request["done"] = fit.steps(), request["count"] = splats.size();
    told.log(KILN_LOG_INFO, std::to_string(splats.size()) + " splats after " +
                                std::to_string(fit.steps()) + " steps");
    deliver(splats, wanted, name, request, session, events);
    if (whole) return;
    checkpoint.interrupt(name, told, events);
    throw sdk::Failure(KILN_INTERRUPTED, "interrupted after step " + std::to_string(fit.steps()) +
                                             "; what there is was kept");
}

}   // namespace kiln::splat_plugin
