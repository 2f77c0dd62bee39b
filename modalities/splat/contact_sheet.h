// A cloud of splats seen from all around, as one picture: the quickest way to look at it.
#pragma once
#include <array>
#include <functional>
#include <memory>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"
#include "runtime/io/image.h"
#include "runtime/vk/device.h"

namespace kiln {

struct ContactSheet {
    int views = 24;          // at equal steps of azimuth, from the front on, row by row
    int size = 256;          // pixels of the side of a view
    double elevation = 15;   // degrees above the horizon
    std::array<float, 3> background = {1, 1, 1};
    double radius = 0;   // of a ball around the origin that fills a view; 0: what is seen does
    std::function<void(int done, int total)> progress;
    std::function<bool()> cancelled;   // asked between views
};

// RGB. An empty cloud, no view, or more than 2^26 pixels: Status::usage.
Result<Image> contact_sheet(const std::shared_ptr<Device>& device, const Splats& splats,
                            const ContactSheet& sheet = {});

}   // namespace kiln
