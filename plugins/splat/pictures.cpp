#include "plugins/splat/pictures.h"

namespace kiln::splat_plugin {
namespace {

constexpr size_t kFewest = 100;   // points that say something

}   // namespace

bool Pictures::placed() const { return points.size() >= kFewest; }

Pictures read_pictures(const Json& r, const std::function<void(int done, int total)>& progress,
                       const std::function<bool()>& cancelled) {
    PosedSet set = take(read_posed(r["images"].get<std::string>()));
    turn(set, take(up_named(r.value("up", std::string("auto")))));
    ViewOptions options{.size = r.value("size", 1024), .hold_out = r.value("hold_out", 8)};
    if (options.hold_out == 1) usage("hold_out: 1 leaves no picture to learn from");
    options.progress = [&](size_t done, size_t total) { progress(int(done), int(total)); };
    options.cancelled = cancelled;
    Pictures pictures{
        .source = set.source, .views = {}, .held = {}, .points = {}, .focus = focus_of(set)};
    for (PosedView& view : take(load_views(set, options))) {
        pictures.transparent = pictures.transparent || view.image.channels == 4;
        if (view.held_out)
            pictures.held.push_back(std::move(view));
        else
            pictures.views.push_back({view.camera, std::move(view.image)});
    }
    pictures.points = std::move(set.points);
    return pictures;
}

}   // namespace kiln::splat_plugin
