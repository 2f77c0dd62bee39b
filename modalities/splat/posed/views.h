// Posed pictures as they are learnt from: opened, made smaller, without distortion.
#pragma once
#include <functional>

#include "modalities/splat/camera.h"
#include "modalities/splat/posed/posed.h"
#include "runtime/io/image.h"

namespace kiln {

struct PosedView {
    std::string name;
    Camera camera;
    Image image;   // RGB, or RGBA with colours multiplied by alpha
    bool held_out = false;
};

struct ViewOptions {
    int size = 1024;    // longest side at most, pixels
    int hold_out = 8;   // every so many-th is held out where the files hold out none; 0: none
    std::function<void(size_t done, size_t total)> progress;
    std::function<bool()> cancelled;
};

// All pictures of a set, in its order. A picture that is none, is smaller than 16 pixels, or has
// not the shape that its camera says: Status::bad_file.
Result<std::vector<PosedView>> load_views(const PosedSet& set, const ViewOptions& options);

}   // namespace kiln
