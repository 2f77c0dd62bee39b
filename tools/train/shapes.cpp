#include "shapes.h"

namespace world {
namespace {

constexpr float kQuarter = 1.5707963f;
using Parts = std::vector<Part>;

Part box(Paint p, Vec c, Vec s, float a = 1, float b = 1) { return {Body::box, p, c, s, a, b}; }
Part sphere(Paint p, Vec c, Vec s) { return {Body::sphere, p, c, s}; }
Part tube(Paint p, Vec c, float r, float h, float top = 1) {
    return {Body::frustum, p, c, {r, h, r}, top};
}

Parts make_mushroom() {
    Parts v{tube(Paint::cream, {0, .40f, 0}, .30f, .40f, .75f),
            {Body::hemisphere, Paint::own, {0, .70f, 0}, {.85f, .65f, .85f}}};
    for (int i = 0; i < 6; ++i) {
        const float t = 1.047f * i + .3f;
        v.push_back(sphere(Paint::white, {.62f * std::sin(t), 1.12f, .62f * std::cos(t)},
                           {.11f, .10f, .11f}));
    }
    v.push_back(sphere(Paint::white, {0, 1.34f, 0}, {.14f, .06f, .14f}));
    return v;
}

Parts make_bottle() {
    return {tube(Paint::own, {0, .48f, 0}, .42f, .48f),
            tube(Paint::own, {0, 1.12f, 0}, .42f, .16f, .36f),
            tube(Paint::own, {0, 1.42f, 0}, .15f, .16f),
            tube(Paint::dark, {0, 1.60f, 0}, .18f, .08f),
            tube(Paint::cream, {0, .46f, 0}, .427f, .16f)};
}

Parts make_house() {
    return {box(Paint::own, {0, .45f, 0}, {.62f, .45f, .72f}),
            box(Paint::shade, {0, 1.20f, 0}, {.78f, .32f, .79f}, 0, 1),
            box(Paint::own, {0, 1.16f, 0}, {.62f, .27f, .795f}, 0, 1),
            box(Paint::grey, {.40f, 1.36f, -.30f}, {.09f, .24f, .09f}),
            box(Paint::brown, {0, .27f, .72f}, {.15f, .27f, .03f}),
            sphere(Paint::yellow, {.09f, .27f, .76f}, {.03f, .03f, .03f}),
            box(Paint::glass, {.38f, .55f, .72f}, {.13f, .13f, .03f}),
            box(Paint::glass, {-.38f, .55f, .72f}, {.13f, .13f, .03f}),
            box(Paint::glass, {.62f, .50f, .33f}, {.03f, .15f, .15f}),
            box(Paint::glass, {.62f, .50f, -.33f}, {.03f, .15f, .15f}),
            box(Paint::glass, {-.62f, .50f, .33f}, {.03f, .15f, .15f}),
            box(Paint::glass, {-.62f, .50f, -.33f}, {.03f, .15f, .15f}),
            box(Paint::glass, {0, .55f, -.72f}, {.24f, .13f, .03f})};
}

Parts make_mug() {
    return {tube(Paint::own, {0, .56f, 0}, .52f, .56f, 1.06f),
            tube(Paint::brown, {0, 1.10f, 0}, .46f, .03f),
            {Body::torus, Paint::own, {.58f, .56f, 0}, {.30f, .30f, .34f}, .28f, 1, kQuarter},
            sphere(Paint::white, {0, .56f, .50f}, {.23f, .23f, .06f})};
}

Parts make_car() {
    Parts v{box(Paint::own, {0, .40f, 0}, {.46f, .20f, .92f}, .94f, .96f),
            box(Paint::own, {0, .76f, -.10f}, {.40f, .19f, .52f}, .80f, .66f),
            box(Paint::glass, {0, .74f, -.10f}, {.34f, .14f, .54f}, .82f, .70f),
            box(Paint::glass, {0, .74f, -.10f}, {.415f, .13f, .40f}, .82f, .70f),
            box(Paint::dark, {0, .34f, .91f}, {.22f, .07f, .03f}),
            box(Paint::grey, {0, .23f, 0}, {.44f, .04f, .96f})};
    for (float x : {-1.f, 1.f}) {
        v.push_back(sphere(Paint::yellow, {.33f * x, .45f, .90f}, {.10f, .10f, .05f}));
        v.push_back(box(Paint::red, {.33f * x, .46f, -.90f}, {.10f, .07f, .03f}));
        for (float z : {-.56f, .56f}) {
            v.push_back({Body::frustum,
                         Paint::dark,
                         {.43f * x, .21f, z},
                         {.21f, .08f, .21f},
                         1,
                         1,
                         0,
                         kQuarter});
            v.push_back({Body::frustum,
                         Paint::grey,
                         {.45f * x, .21f, z},
                         {.10f, .08f, .10f},
                         1,
                         1,
                         0,
                         kQuarter});
        }
    }
    return v;
}

Parts make_chair() {
    Parts v{box(Paint::own, {0, .66f, 0}, {.52f, .07f, .50f}),
            box(Paint::own, {0, 1.25f, -.44f}, {.52f, .26f, .06f})};
    for (float x : {-.45f, .45f}) {
        v.push_back(box(Paint::shade, {x, .31f, .43f}, {.07f, .31f, .07f}));
        v.push_back(box(Paint::shade, {x, .75f, -.44f}, {.07f, .75f, .07f}));
    }
    return v;
}

Parts make_teapot() {
    return {sphere(Paint::own, {0, .55f, 0}, {.62f, .55f, .62f}),
            {Body::hemisphere, Paint::own, {0, 1.0f, 0}, {.32f, .16f, .32f}},
            {Body::torus, Paint::shade, {0, 1.02f, 0}, {.32f, .32f, .32f}, .10f},
            sphere(Paint::own, {0, 1.22f, 0}, {.10f, .10f, .10f}),
            {Body::frustum, Paint::own, {0, .72f, .76f}, {.19f, .34f, .19f}, .5f, 1, .85f},
            {Body::torus, Paint::own, {0, .62f, -.66f}, {.30f, .30f, .30f}, .26f, 1, 0, kQuarter},
            tube(Paint::shade, {0, .05f, 0}, .36f, .05f)};
}

Parts make_robot() {
    Parts v{box(Paint::own, {0, .74f, 0}, {.42f, .36f, .28f}),
            tube(Paint::grey, {0, 1.14f, 0}, .12f, .06f),
            box(Paint::own, {0, 1.42f, 0}, {.34f, .26f, .28f}),
            box(Paint::dark, {0, 1.44f, .28f}, {.27f, .17f, .02f}),
            box(Paint::white, {0, .78f, .28f}, {.24f, .16f, .02f}),
            sphere(Paint::red, {-.10f, .78f, .30f}, {.05f, .05f, .03f}),
            sphere(Paint::yellow, {.10f, .78f, .30f}, {.05f, .05f, .03f}),
            box(Paint::grey, {0, .78f, -.32f}, {.26f, .24f, .08f}),
            tube(Paint::grey, {0, 1.74f, 0}, .03f, .08f),
            sphere(Paint::red, {0, 1.86f, 0}, {.07f, .07f, .07f})};
    for (float x : {-1.f, 1.f}) {
        v.push_back(sphere(Paint::white, {.12f * x, 1.48f, .30f}, {.085f, .085f, .04f}));
        v.push_back(box(Paint::shade, {.20f * x, .19f, .04f}, {.14f, .19f, .20f}));
        v.push_back(box(Paint::shade, {.53f * x, .76f, 0}, {.09f, .32f, .12f}));
    }
    return v;
}

Parts make_duck() {
    Parts v{sphere(Paint::own, {0, .44f, -.05f}, {.52f, .44f, .74f}),
            sphere(Paint::own, {0, 1.08f, .40f}, {.37f, .36f, .37f}),
            tube(Paint::own, {0, .78f, .36f}, .30f, .20f, .8f),
            sphere(Paint::orange, {0, 1.02f, .80f}, {.19f, .08f, .20f}),
            {Body::frustum, Paint::own, {0, .72f, -.72f}, {.26f, .26f, .16f}, .15f, 1, -.75f}};
    for (float x : {-1.f, 1.f}) {
        v.push_back(sphere(Paint::dark, {.20f * x, 1.18f, .67f}, {.075f, .085f, .06f}));
        v.push_back(sphere(Paint::shade, {.47f * x, .52f, -.12f}, {.12f, .24f, .42f}));
    }
    return v;
}

Parts make_boat() {
    return {box(Paint::own, {0, .28f, -.30f}, {.34f, .28f, .62f}, 1.35f, 1.06f),
            {Body::box, Paint::own, {0, .33f, .66f}, {.455f, .36f, .23f}, 0, .85f, kQuarter},
            box(Paint::cream, {0, .565f, -.30f}, {.40f, .02f, .58f}),
            box(Paint::white, {0, .78f, -.34f}, {.30f, .24f, .36f}, .92f, .9f),
            box(Paint::glass, {0, .84f, -.01f}, {.21f, .10f, .03f}),
            box(Paint::glass, {.29f, .84f, -.34f}, {.03f, .09f, .22f}),
            box(Paint::glass, {-.29f, .84f, -.34f}, {.03f, .09f, .22f}),
            tube(Paint::own, {0, 1.24f, -.42f}, .13f, .24f),
            tube(Paint::dark, {0, 1.46f, -.42f}, .14f, .05f)};
}

}   // namespace

Parts parts_of(int shape) {
    switch (shape) {
        case cube: return {box(Paint::own, {0, .66f, 0}, {.66f, .66f, .66f})};
        case ball: return {sphere(Paint::own, {0, .78f, 0}, {.78f, .78f, .78f})};
        case cylinder: return {tube(Paint::own, {0, .75f, 0}, .55f, .75f)};
        case cone: return {tube(Paint::own, {0, .80f, 0}, .78f, .80f, 0)};
        case ring: return {{Body::torus, Paint::own, {0, .27f, 0}, {.66f, .66f, .66f}, .41f}};
        case pyramid: return {box(Paint::own, {0, .68f, 0}, {.82f, .68f, .82f}, 0, 0)};
        case mushroom: return make_mushroom();
        case bottle: return make_bottle();
        case house: return make_house();
        case mug: return make_mug();
        case car: return make_car();
        case chair: return make_chair();
        case teapot: return make_teapot();
        case robot: return make_robot();
        case duck: return make_duck();
        case boat: return make_boat();
        default: return {};
    }
}

}   // namespace world
