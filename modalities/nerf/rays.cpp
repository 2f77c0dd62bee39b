#include "modalities/nerf/rays.h"

#include <cmath>

namespace kiln {

Ray ray_at(const Camera& camera, double x, double y, const FieldOptions& field, float offset) {
    const double side = 2 * field.half;
    const double seen[3] = {(x - double(camera.cx)) / double(camera.fx),
                            (y - double(camera.cy)) / double(camera.fy), 1};
    const double length = std::hypot(seen[0], seen[1], seen[2]);
    Ray ray{{}, offset, {}, float(side / length)};
    for (size_t axis = 0; axis < 3; axis++) {
        double place = 0, direction = 0;
        for (size_t row = 0; row < 3; row++) {
            const double r = double(camera.rotation[row * 3 + axis]);
            place -= r * double(camera.translation[row]);
            direction += r * seen[row] / length;
        }
        ray.origin[axis] = float((place - field.centre[axis] + field.half) / side);
        ray.direction[axis] = float(direction);
    }
    return ray;
}

std::vector<Ray> rays_of(const Camera& camera, int width, int height, const FieldOptions& field) {
    std::vector<Ray> rays;
    rays.reserve(size_t(width) * size_t(height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) rays.push_back(ray_at(camera, x + 0.5, y + 0.5, field));
    return rays;
}

}   // namespace kiln
