#include <catch2/catch_approx.hpp>
#include <cmath>

#include "modalities/splat/posed/lens.h"
#include "modalities/splat/posed/transforms.h"
#include "modalities/splat/posed/views.h"
#include "tests/posed/files.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Approx;

namespace {

using Vec = std::array<double, 3>;

Vec seen(const PosedPicture& p, const Vec& point) {
    Vec t = p.translation;
    for (size_t r = 0; r < 3; r++)
        for (size_t a = 0; a < 3; a++) t[r] += p.rotation[r * 3 + a] * point[a];
    return t;
}

double apart(const Vec& a, const Vec& b) {
    return std::hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

// n cameras around the axis `up` through `centre`, upright, that look at it.
PosedSet ring(int n, const Vec& up, const Vec& side, const Vec& centre) {
    const Vec other = {up[1] * side[2] - up[2] * side[1], up[2] * side[0] - up[0] * side[2],
                       up[0] * side[1] - up[1] * side[0]};
    PosedSet set;
    for (int i = 0; i < n; i++) {
        PosedPicture p{.lens = {.width = 20, .height = 16, .fx = 40, .fy = 40, .cx = 10, .cy = 8}};
        const double c = std::cos(i * 6.2832 / n), s = std::sin(i * 6.2832 / n);
        for (size_t a = 0; a < 3; a++) {
            const double out = c * side[a] + s * other[a], right = -s * side[a] + c * other[a];
            p.rotation[a] = right, p.rotation[3 + a] = -up[a], p.rotation[6 + a] = -out;
        }
        for (size_t r = 0; r < 3; r++)
            for (size_t a = 0; a < 3; a++)
                p.translation[r] -=
                    p.rotation[r * 3 + a] * (centre[a] + 4 * (c * side[a] + s * other[a]));
        set.pictures.push_back(p);
    }
    return set;
}

}   // namespace

TEST_CASE("turning the world changes no picture") {
    for (const std::string_view name : kUpNames) {
        PosedSet set = ring(5, {0.6, 0, 0.8}, {0.8, 0, -0.6}, {1, 2, 3});
        set.points.positions = {0.5f, -0.25f, 2};
        const PosedSet before = set;
        turn(set, take(up_named(name)));
        const auto& at = set.points.positions;
        for (size_t i = 0; i < 5; i++)
            CHECK(apart(seen(set.pictures[i], {at[0], at[1], at[2]}),
                        seen(before.pictures[i], {0.5, -0.25, 2})) < 1e-6);
    }
    CHECK(up_named("sideways").error().status == Status::usage);
}

TEST_CASE("the axis that is asked for points up") {
    const Vec axes[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {-1, 0, 0}, {0, -1, 0}, {0, 0, -1}};
    for (size_t i = 0; i < 6; i++) {
        PosedSet set;
        set.points.positions = {float(axes[i][0]), float(axes[i][1]), float(axes[i][2])};
        turn(set, Up(i + 1));
        CHECK(set.points.positions == std::vector<float>{0, 1, 0});
    }
}

TEST_CASE("what cameras take for up becomes y") {
    for (const Vec up : {Vec{0, 1, 0}, Vec{0, -1, 0}, Vec{0.6, 0, 0.8}, Vec{0, 0.6, -0.8}}) {
        PosedSet set = ring(7, up, up[1] != 0 ? Vec{1, 0, 0} : Vec{0.8, 0, -0.6}, {0, 0, 0});
        set.points.positions = {float(up[0]), float(up[1]), float(up[2])};
        turn(set, Up::automatic);
        const auto& at = set.points.positions;
        CHECK(apart({at[0], at[1], at[2]}, {0, 1, 0}) < 1e-6);
        for (const PosedPicture& p : set.pictures) CHECK(p.rotation[4] == Approx(-1));
    }
    PosedSet set;   // z by convention, whatever the cameras do
    take(parse_transforms(transforms_text(), "t.json", false, set));
    turn(set, Up::automatic);
    CHECK(apart(set.pictures[1].position(), {0, 0, 4}) < 1e-12);
    PosedSet mixed = ring(1, {0, 1, 0}, {1, 0, 0}, {0, 0, 0});   // up and down: COLMAP's default
    mixed.pictures.push_back(ring(1, {0, -1, 0}, {1, 0, 0}, {0, 0, 0}).pictures[0]);
    mixed.points.positions = {1, 2, 3};
    turn(mixed, Up::automatic);
    CHECK(mixed.points.positions == std::vector<float>{1, -2, -3});
}

TEST_CASE("the focus is where cameras look") {
    const Focus around = focus_of(ring(6, {0, 1, 0}, {1, 0, 0}, {1, 2, 3}));
    CHECK(apart(around.centre, {1, 2, 3}) < 0.02);
    CHECK(around.radius == Approx(4 * 0.25).epsilon(0.02));
    PosedSet line = ring(1, {0, 1, 0}, {0, 0, -1}, {0, 0, 4});   // side by side, along z
    for (const double x : {-1.0, 1.0}) {
        line.pictures.push_back(line.pictures[0]);
        line.pictures.back().translation[0] = x;
    }
    const Focus ahead = focus_of(line);
    CHECK(apart(ahead.centre, {0, 0, 10}) < 0.1);
    CHECK(std::isfinite(ahead.radius));
}

TEST_CASE("straightened pictures show what a pinhole camera sees") {
    // A smooth pattern on the plane z = 1, drawn through the lens, then straightened.
    const auto pattern = [](double x, double y) {
        return 128 + 60 * std::sin(5 * x) * std::cos(4 * y);
    };
    for (const double k1 : {-0.15, 0.2}) {
        const Lens lens{.width = 120,
                        .height = 90,
                        .fx = 100,
                        .fy = 104,
                        .cx = 58,
                        .cy = 47,
                        .k1 = k1,
                        .k2 = 0.02,
                        .p1 = 0.003,
                        .p2 = -0.002};
        const Lens target = take(straight(lens, "p"));
        CHECK_FALSE(target.distorted());
        CHECK(target.fx / lens.fx == Approx(target.fy / lens.fy));
        if (k1 < 0) CHECK(target.fx < lens.fx * 1.01);
        if (k1 > 0) CHECK(target.fx > lens.fx * 1.01);
        Image image{120, 90, 1, std::vector<uint8_t>(120 * 90)};
        for (int j = 0; j < 90; j++)
            for (int i = 0; i < 120; i++) {
                // The lens backwards, as a fixed point.
                const double u = (i + 0.5 - lens.cx) / lens.fx, v = (j + 0.5 - lens.cy) / lens.fy;
                double x = u, y = v;
                for (int n = 0; n < 30; n++) {
                    const auto at = project(lens, x, y);
                    x += u - (at[0] - lens.cx) / lens.fx, y += v - (at[1] - lens.cy) / lens.fy;
                }
                image.pixels[size_t(j * 120 + i)] = uint8_t(std::lround(pattern(x, y)));
            }
        const Image out = straightened(image, lens, target);
        double worst = 0;
        for (int j = 0; j < 90; j++)
            for (int i = 0; i < 120; i++)
                worst = std::max(worst, std::abs(out.pixels[size_t(j * 120 + i)] -
                                                 pattern((i + 0.5 - target.cx) / target.fx,
                                                         (j + 0.5 - target.cy) / target.fy)));
        CHECK(worst < 3);   // of 256: rounding twice, and interpolation
    }
    fails_with(
        straight({.width = 20, .height = 16, .fx = 10, .fy = 10, .cx = 10, .cy = 8, .k1 = -2},
                 "p.png"),
        "p.png: its lens distorts so much");
}

TEST_CASE("views have cameras that fit their pictures, at any size") {
    TemporaryFolder folder;
    PosedSet set = ring(9, {0, 1, 0}, {1, 0, 0}, {0, 0, 0});
    for (size_t i = 0; i < 9; i++) {
        set.pictures[i].name = std::to_string(i);
        set.pictures[i].path = folder.with(set.pictures[i].name + ".png", picture(40, 32));
    }
    const auto views = take(load_views(set, {.size = 20}));
    REQUIRE(views.size() == 9);
    CHECK(views[0].image.width == 20);
    CHECK(views[0].image.height == 16);
    CHECK(views[0].image.channels == 3);
    CHECK(views[0].camera.fx == 40);   // half of 80
    CHECK(views[0].camera.cy == 8);
    for (size_t i = 0; i < 9; i++) CHECK(views[i].held_out == (i % 8 == 0));
    CHECK_FALSE(take(load_views(set, {.hold_out = 0}))[0].held_out);
    CHECK(take(load_views(set, {}))[0].camera.fx == 80);
    set.pictures[4].held_out = true;
    const auto by_file = take(load_views(set, {}));
    for (size_t i = 0; i < 9; i++) CHECK(by_file[i].held_out == (i == 4));
    CHECK(load_views(set, {.cancelled = [] { return true; }}).error().status ==
          Status::interrupted);
    folder.with("3.png", picture(40, 40));
    fails_with(load_views(set, {}), "3.png: has 40 x 40 pixels, its camera 20 x 16");
    folder.with("3.png", picture(18, 15));
    fails_with(load_views(set, {}), "at least 16 x 16");
    folder.with("3.png", "no picture");
    fails_with(load_views(set, {}), "3.png: expected a picture");
}

TEST_CASE("pictures with alpha come multiplied by it") {
    TemporaryFolder folder;
    PosedSet set = ring(2, {0, 1, 0}, {1, 0, 0}, {0, 0, 0});
    Image image{20, 16, 4, std::vector<uint8_t>(20 * 16 * 4, 255)};
    set.pictures[0].path = folder.with("a.png", as_text(encode_png(image)));
    image.pixels[0] = 100, image.pixels[3] = 128, image.pixels[7] = 0;
    set.pictures[1].path = folder.with("b.png", as_text(encode_png(image)));
    const auto views = take(load_views(set, {}));
    CHECK(views[0].image.channels == 3);
    REQUIRE(views[1].image.channels == 4);
    const auto& p = views[1].image.pixels;
    CHECK(std::vector<int>(p.begin(), p.begin() + 12) ==
          std::vector<int>{50, 128, 128, 128, 0, 0, 0, 0, 255, 255, 255, 255});
}
