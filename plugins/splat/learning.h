// What commands that learn from pictures have in common, whatever represents the scene.
#pragma once
#include <optional>

#include "plugins/builtin/session.h"
#include "plugins/splat/checkpoint.h"
#include "plugins/splat/pictures.h"

namespace kiln::splat_plugin {

// A Fit, or what is like it, as such a command sees it; it outlives this.
struct Learner {
    std::function<Result<void>()> step;
    std::function<uint32_t()> steps;   // that are done
    std::function<Result<std::vector<float>>(const Camera&, int width, int height)> draw;
    std::function<Result<Fit::Quality>(const FitView&)> compare;
    std::function<Result<void>(const std::string&path)> save, resume;
};

template <class F>
Learner learner_of(F& fit, const std::array<float, 3>& background) {
    return {.step = [&fit] { return fit.step(); },
            .steps = [&fit] { return fit.steps(); },
            .draw = [&fit, background](
                        const Camera& camera, int width,
                        int height) { return fit.draw(camera, width, height, background); },
            .compare = [&fit](const FitView& view) { return fit.compare(view); },
            .save = [&fit](const std::string& path) { return fit.save(path); },
            .resume = [&fit](const std::string& path) { return fit.resume(path); }};
}

// A run of such a command. Its methods throw a ResultError where something is amiss.
class Learning {
public:
    // Reads the pictures of the request and says how many there are.
    Learning(Json request, builtin::Session& session, const sdk::Events& events);

    Pictures pictures;
    Json request;       // to make the same again, with what is known of the result
    std::string name;   // words for a file's name

    // Goes on from the request's state if it has one. Steps until so many are done, with previews
    // and checkpoints, up to this share of the whole run. False if it was interrupted.
    bool learn(Learner learner, uint32_t steps, double until);

    // Means over what was held out, if anything, into the request, as "psnr" and "ssim" after
    // `key`, and into the log, after `what`.
    void measure(const std::function<Result<Fit::Quality>(const FitView&)>& compare,
                 const std::string& key, const std::string& what, double from, double until);

    // Keeps the state, beside the result if need be.
    [[noreturn]] void interrupt() const;

private:
    // What previews show: the first picture that is not learnt from.
    struct Place {
        explicit Place(const Pictures& pictures);
        Camera camera;
        int width, height;
    };
    void preview() const;

    builtin::Session& session_;
    const sdk::Events& events_;
    Place place_;
    Learner learner_;
    std::optional<Checkpoint> checkpoint_;
};

}   // namespace kiln::splat_plugin
