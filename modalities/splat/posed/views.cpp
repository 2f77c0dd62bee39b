#include "modalities/splat/posed/views.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/posed/lens.h"

namespace kiln {
namespace {

bool is_opaque(const Image& image) {
    for (size_t i = 3; i < image.pixels.size(); i += 4)
        if (image.pixels[i] != 255) return false;
    return true;
}

// Multiplied by alpha, so that resampling mixes no colour of what is not there into what is.
Image premultiplied(Image image) {
    for (size_t i = 0; i < image.pixels.size(); i += 4)
        for (size_t c = 0; c < 3; c++)
            image.pixels[i + c] = uint8_t((image.pixels[i + c] * image.pixels[i + 3] + 127) / 255);
    return image;
}

Image without_alpha(const Image& image) {
    Image out{image.width, image.height, 3, {}};
    out.pixels.reserve(size_t(image.width) * size_t(image.height) * 3);
    for (size_t i = 0; i < image.pixels.size(); i++)
        if (i % 4 != 3) out.pixels.push_back(image.pixels[i]);
    return out;
}

Result<PosedView> load_view(const PosedPicture& p, int size) {
    auto read = read_image(p.path, 4);
    if (!read) return read.error();
    Image image = is_opaque(*read) ? without_alpha(*read) : premultiplied(*std::move(read));
    constexpr int kLeast = 16;
    if (image.width < kLeast || image.height < kLeast)
        return Error{Status::bad_file, p.path + ": has " + std::to_string(image.width) + " x " +
                                           std::to_string(image.height) +
                                           " pixels; at least 16 x 16 are needed"};
    const auto whole = lens_at(p.lens, image.width, image.height, p.path);
    if (!whole) return whole.error();
    Lens lens = *whole;
    const double scale = double(size) / std::max(image.width, image.height);
    if (scale < 1) {
        image = resize_image(image, std::max(kLeast, int(std::lround(image.width * scale))),
                             std::max(kLeast, int(std::lround(image.height * scale))));
        lens = scaled(lens, image.width, image.height);
    }
    if (lens.distorted()) {
        const auto target = straight(lens, p.path);
        if (!target) return target.error();
        image = straightened(image, lens, *target);
        lens = *target;
    }
    PosedView view{.name = p.name, .camera = {}, .image = std::move(image), .held_out = p.held_out};
    for (size_t i = 0; i < 9; i++) view.camera.rotation[i] = float(p.rotation[i]);
    for (size_t i = 0; i < 3; i++) view.camera.translation[i] = float(p.translation[i]);
    view.camera.fx = float(lens.fx), view.camera.fy = float(lens.fy);
    view.camera.cx = float(lens.cx), view.camera.cy = float(lens.cy);
    return view;
}

}   // namespace

Result<std::vector<PosedView>> load_views(const PosedSet& set, const ViewOptions& options) {
    std::vector<PosedView> views;
    const auto& all = set.pictures;
    const bool held = std::any_of(all.begin(), all.end(), [](auto& p) { return p.held_out; });
    // As many are left to learn from as anything can be learnt from.
    const int every = held || all.size() < 4 ? 0 : options.hold_out;
    for (size_t i = 0; i < all.size(); i++) {
        if (options.cancelled && options.cancelled())
            return Error{Status::interrupted, "interrupted"};
        auto view = load_view(all[i], options.size);
        if (!view) return view.error();
        view->held_out = view->held_out || (every > 1 && i % size_t(every) == 0);
        views.push_back(*std::move(view));
        if (options.progress) options.progress(views.size(), all.size());
    }
    return views;
}

}   // namespace kiln
