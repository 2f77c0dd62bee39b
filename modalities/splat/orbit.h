// Cameras around an object, all of which look at its middle with up being up.
#pragma once
#include <array>
#include <cmath>

#include "modalities/splat/camera.h"

namespace kiln {

struct Orbit {
    double azimuth = 0;     // degrees: 0 sees the front (from +z), 90 the object's left (from +x)
    double elevation = 0;   // degrees above the horizon, -90 to 90
    double distance = 1;    // metres from the target
    std::array<double, 3> target{};
    double field_of_view = 40;   // degrees, up and down
};

// Of a picture with square pixels, the target in its middle.
inline Camera orbit_camera(const Orbit& orbit, int width, int height) {
    const double degree = 0.017453292519943295;
    const double a = orbit.azimuth * degree, e = orbit.elevation * degree;
    const double axes[3][3] = {
        // right, down, ahead
        {std::cos(a), 0, -std::sin(a)},
        {std::sin(e) * std::sin(a), -std::cos(e), std::sin(e) * std::cos(a)},
        {-std::cos(e) * std::sin(a), -std::sin(e), -std::cos(e) * std::cos(a)}};
    Camera camera;
    for (size_t row = 0; row < 3; row++) {
        double along = row == 2 ? orbit.distance : 0;
        for (size_t column = 0; column < 3; column++) {
            camera.rotation[row * 3 + column] = float(axes[row][column]);
            along -= axes[row][column] * orbit.target[column];
        }
        camera.translation[row] = float(along);
    }
    camera.fx = camera.fy = float(height / (2 * std::tan(orbit.field_of_view * degree / 2)));
    camera.cx = float(width) / 2, camera.cy = float(height) / 2;
    return camera;
}

}   // namespace kiln
