#include "modalities/splat/contact_sheet.h"

#include <algorithm>
#include <cmath>

#include "modalities/splat/assets/ball.h"
#include "modalities/splat/orbit.h"
#include "modalities/splat/raster/rasteriser.h"

namespace kiln {
namespace {

constexpr double kFieldOfView = 40, kDegree = 0.017453292519943295, kMargin = 1.1;

// The divisor of n nearest above its square root, if it gives no long strip.
int columns_of(int n) {
    const int least = int(std::ceil(std::sqrt(double(n))));
    for (int c = least; c <= 2 * least && c <= n; c++)
        if (n % c == 0) return c;
    return least;
}

void place(const std::vector<float>& view, int size, int left, int top, Image& sheet) {
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            for (int c = 0; c < 3; c++) {
                const float v = view[size_t(y * size + x) * kChannels + size_t(c)];
                sheet.pixels[(size_t(top + y) * size_t(sheet.width) + size_t(left + x)) * 3 +
                             size_t(c)] = uint8_t(std::lround(std::clamp(v, 0.0f, 1.0f) * 255));
            }
}

Result<void> check(const Splats& splats, const ContactSheet& s) {
    if (splats.size() == 0) return Error{Status::usage, "there are no splats to look at"};
    if (s.views < 1 || s.size < 1 || int64_t(s.views) * s.size * s.size > int64_t(1) << 26)
        return Error{Status::usage, std::to_string(s.views) + " views of " +
                                        std::to_string(s.size) + " x " + std::to_string(s.size) +
                                        " pixels are no sheet; at most 67108864 pixels are"};
    return {};
}

}   // namespace

Result<Image> contact_sheet(const std::shared_ptr<Device>& device, const Splats& splats,
                            const ContactSheet& s) {
    if (const Result<void> good = check(splats, s); !good) return good.error();
    Result<Rasteriser> made = Rasteriser::create(device, {.width = s.size,
                                                          .height = s.size,
                                                          .splats = uint32_t(splats.size()),
                                                          .sh_degree = splats.sh_degree,
                                                          .antialiased = splats.antialiased});
    if (!made) return made.error();
    Rasteriser& rasteriser = *made;
    // No size of an object shall be too near or too far for the rasteriser.
    const Ball ball = s.radius > 0 ? Ball{{}, s.radius} : ball_around(splats);
    const Result<void> written = rasteriser.write(brought_near(splats, ball));
    if (!written) return written.error();
    const int columns = columns_of(s.views), rows = (s.views + columns - 1) / columns;
    Image sheet{columns * s.size, rows * s.size, 3, {}};
    for (int i = 0; i < columns * rows * s.size * s.size * 3; i++)
        sheet.pixels.push_back(uint8_t(std::lround(s.background[size_t(i % 3)] * 255)));
    for (int i = 0; i < s.views; i++) {
        if (s.cancelled && s.cancelled()) return Error{Status::interrupted, "interrupted"};
        const Orbit orbit{.azimuth = 360.0 * i / s.views,
                          .elevation = s.elevation,
                          .distance = kMargin / std::sin(kFieldOfView / 2 * kDegree),
                          .field_of_view = kFieldOfView};
        const View view{orbit_camera(orbit, s.size, s.size), s.background};
        if (const Result<void> drawn = rasteriser.draw(view); !drawn) return drawn.error();
        const auto image = rasteriser.read_image();
        if (!image) return image.error();
        place(*image, s.size, i % columns * s.size, i / columns * s.size, sheet);
        if (s.progress) s.progress(i + 1, s.views);
    }
    return sheet;
}

}   // namespace kiln
