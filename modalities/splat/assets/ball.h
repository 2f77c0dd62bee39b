// Where an object made of splats is, and how large.
#pragma once
#include <array>

#include "modalities/splat/splats.h"

namespace kiln {

// The middle and the radius, above 0, of a ball that holds what is seen of a cloud: all but faint
// splats and the few, at most one of a thousand, that lie half the cloud's length outside of the
// others. Where more lie there, as around captured scenes, of all but the farthest hundredth.
struct Ball {
    std::array<double, 3> middle;
    double radius;
};
Ball ball_around(const Splats& splats);   // of which there is one at least

// The cloud moved and scaled so that its ball has its middle at the origin and the radius 1.
Splats brought_near(Splats splats, const Ball& ball);

}   // namespace kiln
