#include "plugins/splat/learning.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

#include "plugins/builtin/fields.h"
#include "plugins/splat/pace.h"

namespace kiln::splat_plugin {
namespace {

constexpr double kReading = 0.02;   // share of a run

Pictures read(const Json& request, const sdk::Events& events) {
    return read_pictures(
        request,
        [&](int done, int total) {
            events.progress(uint32_t(done), uint32_t(total), kReading * done / total, "reading");
        },
        [&] { return events.cancelled(); });
}

std::string name_of(const Json& request) {
    std::filesystem::path folder(request["images"].get<std::string>());
    if (folder.filename().empty()) folder = folder.parent_path();
    return folder.stem().string();
}

}   // namespace

Learning::Place::Place(const Pictures& p)
    : camera(p.held.empty() ? p.views[0].camera : p.held[0].camera),
      width((p.held.empty() ? p.views[0].image : p.held[0].image).width),
      height((p.held.empty() ? p.views[0].image : p.held[0].image).height) {}

Learning::Learning(Json given, builtin::Session& session, const sdk::Events& events)
    : pictures(read(given, events)),
      request(std::move(given)),
      name(name_of(request)),
      session_(session),
      events_(events),
      place_(pictures) {
    session.options().log(KILN_LOG_INFO, std::to_string(pictures.views.size()) +
                                             " pictures to learn from, " +
                                             std::to_string(pictures.held.size()) +
                                             " held out, cameras of " + pictures.source);
}

bool Learning::learn(Learner learner, uint32_t steps, double until) {
    learner_ = std::move(learner);
    if (request.contains("resume")) take(learner_.resume(request["resume"]));
    checkpoint_.emplace(request, session_.options().cache, learner_.save);
    request["images"] = name, request["version"] = builtin::version();
    for (const char* key : {"checkpoint", "checkpoint_every", "resume"}) request.erase(key);
    const uint32_t every = request.value("preview_every", 0u);
    Pace pace;
    while (learner_.steps() < steps) {
        if (events_.cancelled()) return false;
        take(learner_.step());
        const uint32_t done = learner_.steps();
        events_.progress(done, steps, kReading + (until - kReading) * done / steps, "fitting",
                         pace.left(steps - done));
        checkpoint_->after(done);
        if (every > 0 && done % every == 0) preview();
    }
    checkpoint_->finish();
    return true;
}

void Learning::preview() const {
    const std::vector<float> pixels =
        take(learner_.draw(place_.camera, place_.width, place_.height));
    Image image{place_.width, place_.height, 3, {}};
    for (const float v : pixels)
        image.pixels.push_back(uint8_t(std::clamp(v, 0.0f, 1.0f) * 255 + 0.5f));
    events_.preview({0, "image/png", name, "", encode_png(image)});
}

void Learning::measure(const std::function<Result<Fit::Quality>(const FitView&)>& compare,
                       const std::string& key, const std::string& what, double from, double until) {
    if (pictures.held.empty()) return;
    double psnr = 0, ssim = 0;
    const uint32_t n = uint32_t(pictures.held.size());
    for (uint32_t i = 0; i < n; i++) {
        events_.progress(i, n, from + (until - from) * i / n, "measuring");
        const PosedView& view = pictures.held[i];
        const Fit::Quality quality = take(compare({view.camera, view.image}));
        psnr += quality.psnr / n, ssim += quality.ssim / n;
    }
    request[key + "psnr"] = psnr, request[key + "ssim"] = ssim, request["held_out"] = n;
    char text[100];
    std::snprintf(text, sizeof text, "%u pictures held out: PSNR %.2f dB, SSIM %.4f", n, psnr,
                  ssim);
    session_.options().log(KILN_LOG_INFO, what + text);
}

void Learning::interrupt() const {
    checkpoint_->interrupt(name, session_.options(), events_);
    throw sdk::Failure(
        KILN_INTERRUPTED,
        "interrupted after step " + std::to_string(learner_.steps()) + "; what there is was kept");
}

}   // namespace kiln::splat_plugin
