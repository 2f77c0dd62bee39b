// A pinhole camera. It looks along +z with x to the right and y down; pixel (i, j) is at
// (i + 0.5, j + 0.5), and a point t = rotation m + translation is seen at
// (fx t_x / t_z + cx, fy t_y / t_z + cy).
#pragma once
#include <array>
#include <cstddef>

namespace kiln {

struct Camera {
    std::array<float, 9> rotation{1, 0, 0, 0, 1, 0, 0, 0, 1};   // world to camera, row by row
    std::array<float, 3> translation{};
    float fx = 1, fy = 1, cx = 0, cy = 0;   // pixels
};

// Where the camera is in the world.
inline std::array<float, 3> position_of(const Camera& camera) {
    std::array<float, 3> position{};
    for (int column = 0; column < 3; column++)
        for (int row = 0; row < 3; row++)
            position[size_t(column)] -=
                camera.rotation[size_t(row * 3 + column)] * camera.translation[size_t(row)];
    return position;
}

}   // namespace kiln
