// Cameras around an object, and sheets of what they see.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>

#include "modalities/splat/assets/ball.h"
#include "modalities/splat/contact_sheet.h"
#include "modalities/splat/orbit.h"
#include "tests/support/device.h"
#include "tests/support/random.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::WithinAbs;

namespace {

struct Seen {
    double x, y, depth;
};
Seen seen(const Camera& camera, std::array<double, 3> point) {
    double t[3];
    for (size_t row = 0; row < 3; row++) {
        t[row] = double(camera.translation[row]);
        for (size_t c = 0; c < 3; c++) t[row] += double(camera.rotation[row * 3 + c]) * point[c];
    }
    return {double(camera.fx) * t[0] / t[2] + double(camera.cx),
            double(camera.fy) * t[1] / t[2] + double(camera.cy), t[2]};
}

// Six balls on the axes: red and blue before and behind, green and black right and left, yellow
// and magenta above and below.
Splats six_balls(double scale = 1, double shift = 0) {
    const float colours[6][3] = {{0, 1, 0}, {0, 0, 0}, {1, 1, 0}, {1, 0, 1}, {1, 0, 0}, {0, 0, 1}};
    Splats s = make_splats(6, 0);
    for (size_t i = 0; i < 6; i++) {
        for (size_t c = 0; c < 3; c++) {
            s.means[i * 3 + c] = float(shift + (c == i / 2 ? (i % 2 ? -scale : scale) : 0));
            s.log_scales[i * 3 + c] = float(std::log(0.15 * scale));
            s.sh[i * 3 + c] = (colours[i][c] - 0.5f) / kShDc;
        }
        s.logits[i] = 8;
    }
    return s;
}

// The pixel of a view at a place from the middle, in units of half its side, up and to the right.
std::array<int, 3> pixel(const Image& sheet, int size, int view, double right, double up) {
    const int columns = sheet.width / size;
    const int x = view % columns * size + int((1 + right) / 2 * size);
    const int y = view / columns * size + int((1 - up) / 2 * size);
    const uint8_t* p = &sheet.pixels[size_t(y * sheet.width + x) * 3];
    return {p[0], p[1], p[2]};
}

}   // namespace

TEST_CASE("a camera in orbit sees its target in the middle, up above and right to the right") {
    const Orbit orbit{
        .azimuth = 90, .elevation = 30, .distance = 5, .target = {1, 2, 3}, .field_of_view = 60};
    const Camera camera = orbit_camera(orbit, 80, 60);
    const Seen target = seen(camera, {1, 2, 3}), above = seen(camera, {1, 2.1, 3});
    CHECK_THAT(target.x, WithinAbs(40, 1e-4));
    CHECK_THAT(target.y, WithinAbs(30, 1e-4));
    CHECK_THAT(target.depth, WithinAbs(5, 1e-5));
    CHECK_THAT(above.x, WithinAbs(40, 1e-4));
    CHECK_THAT(above.y, WithinAbs(30 - 30 * std::sqrt(3) * 0.1 * std::cos(M_PI / 6) / 4.95, 1e-3));
    CHECK(seen(camera, {1, 2, 2.9}).x > 41);   // from +x, the back of the world is to the right
    const auto position = position_of(camera);
    CHECK_THAT(position[0], WithinAbs(1 + 5 * std::cos(M_PI / 6), 1e-5));
    CHECK_THAT(position[1], WithinAbs(2 + 2.5, 1e-5));
    CHECK_THAT(position[2], WithinAbs(3, 1e-5));
    const double edge = 5 * std::tan(M_PI / 6);   // across the line of sight
    CHECK_THAT(seen(camera, {1, 2, 3 - edge}).x, WithinAbs(40 + 30, 1e-3));
}

TEST_CASE("a contact sheet shows every side of an object, whatever its size and place") {
    const auto device = test_device();
    const ContactSheet plan{.views = 8, .size = 48, .elevation = 0, .background = {1, 1, 1}};
    const Image sheet = take(contact_sheet(device, six_balls(), plan));
    REQUIRE(sheet.width == 4 * 48);
    REQUIRE(sheet.height == 2 * 48);
    const auto close = [](std::array<int, 3> a, std::array<int, 3> b) {
        for (size_t c = 0; c < 3; c++)
            if (std::abs(a[c] - b[c]) > 12) return false;
        return true;
    };
    using Colour = std::array<int, 3>;
    const Colour green{0, 255, 0}, black{0, 0, 0}, yellow{255, 255, 0}, magenta{255, 0, 255},
        red{255, 0, 0}, blue{0, 0, 255}, white{255, 255, 255};
    const Colour middle[4] = {red, green, blue, black}, right[4] = {green, blue, black, red};
    for (size_t quarter = 0; quarter < 4; quarter++) {
        INFO("quarter " << quarter);
        CHECK(close(pixel(sheet, 48, int(quarter) * 2, 0, 0), middle[quarter]));
        CHECK(close(pixel(sheet, 48, int(quarter) * 2, 0.66, 0), right[quarter]));
        CHECK(close(pixel(sheet, 48, int(quarter) * 2, 0, 0.66), yellow));
        CHECK(close(pixel(sheet, 48, int(quarter) * 2, 0, -0.66), magenta));
        CHECK(close(pixel(sheet, 48, int(quarter) * 2, 0.95, 0.95), white));
    }
    for (const double scale : {1e-4, 1e5}) {
        const Image other = take(contact_sheet(device, six_balls(scale, 3 * scale), plan));
        int worst = 0;
        for (size_t i = 0; i < sheet.pixels.size(); i++)
            worst = std::max(worst, std::abs(sheet.pixels[i] - other.pixels[i]));
        INFO(scale);
        CHECK(worst <= 2);
    }
    const auto coloured = [&](double radius) {
        ContactSheet given = plan;
        given.radius = radius;
        const Image image = take(contact_sheet(device, six_balls(), given));
        if (radius == ball_around(six_balls()).radius) CHECK(image.pixels == sheet.pixels);
        return std::count_if(image.pixels.begin(), image.pixels.end(),
                             [](uint8_t value) { return value < 128; });
    };
    const double radius = ball_around(six_balls()).radius;
    const double share = double(coloured(2 * radius)) / double(coloured(radius));
    CHECK(share > 0.15);   // a quarter, with corners
    CHECK(share < 0.35);
    const ContactSheet from_above{.views = 1, .size = 48, .elevation = 90};
    CHECK(close(pixel(take(contact_sheet(device, six_balls(), from_above)), 48, 0, 0, 0), yellow));
    check_silent(*device);
}

TEST_CASE("a sheet ends when asked to, and one that cannot be is refused") {
    const auto device = test_device();
    int done = 0;
    ContactSheet sheet{.views = 7, .size = 16};
    sheet.progress = [&](int now, int total) { done = total == 7 ? now : -1; };
    const Image seven = take(contact_sheet(device, six_balls(), sheet));
    CHECK(done == 7);
    CHECK(seven.width == 3 * 16);
    CHECK(pixel(seven, 16, 8, 0, 0) == std::array<int, 3>{255, 255, 255});   // no eighth view
    sheet.cancelled = [&] { return done == 2; };
    done = 0;
    CHECK(contact_sheet(device, six_balls(), sheet).error().status == Status::interrupted);
    CHECK(contact_sheet(device, make_splats(0, 0)).error().status == Status::usage);
    for (const auto& bad : {ContactSheet{.views = 0}, ContactSheet{.size = 0},
                            ContactSheet{.views = 360, .size = 4080}})
        CHECK(contact_sheet(device, six_balls(), bad).error().status == Status::usage);
}

TEST_CASE("the ball around a cloud holds thin parts of it, and not what lies far outside") {
    Random random(5);
    Splats s = make_splats(3000, 0);
    for (float& v : s.means) v = float(random(-0.5, 0.5));
    for (float& v : s.log_scales) v = -5;
    for (float& v : s.logits) v = 3;
    const auto place = [&](size_t i, float y) { s.means[i * 3 + 1] = y, s.means[i * 3] = 0; };
    for (size_t i = 0; i < 15; i++) place(i, 0.5f + 0.03f * float(i + 1));   // an antenna
    Ball ball = ball_around(s);
    CHECK(ball.middle[1] + ball.radius >= 0.95);
    CHECK(std::abs(ball.middle[1] - 0.225) < 0.02);
    CHECK(ball.radius < 1.1);
    place(20, 40);   // one that was lost
    CHECK(ball_around(s).radius == ball.radius);
    for (size_t i = 0; i < 15; i++) place(i, 3 + float(i));   // what is behind a scene
    ball = ball_around(s);
    CHECK(std::abs(ball.middle[1]) < 0.02);
    CHECK(ball.radius < 1);
}

TEST_CASE("the ball around a cloud leaves out what is faint, unless all is") {
    Splats s = six_balls();
    s.means[0] = 1000, s.logits[0] = -5;
    Ball ball = ball_around(s);
    CHECK(ball.radius < 3);
    CHECK(std::abs(ball.middle[0]) < 1);
    for (float& logit : s.logits) logit = -5;
    CHECK(ball_around(s).radius > 400);
    s = make_splats(1, 0);
    for (float& v : s.log_scales) v = -30;
    CHECK(ball_around(s).radius > 0);
}
