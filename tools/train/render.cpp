// Ray casts one scene of solids on a ground under a sky, with shadows and three materials, at 2x2
// samples a pixel (T. Whitted, "An Improved Illumination Model for Shaded Display", 1980). Built as
// a shared library and called by world.py.
#include <cstdint>

#include "bodies.h"

namespace world {
namespace {

enum Setting { grass, desert, snow, night, sunset, studio, wood, water };
enum Material { matte, glossy, metallic };

struct Hit {
    float t = kFar;
    Vec normal;
    int object = -1;
    Paint paint = Paint::own;
};

struct Object {
    Vec colour;
    int material;
    Vec centre;
    float radius;
    std::vector<Solid> solids;
};

// What numpy hands over: see SCENE in world.py.
struct SceneRow {
    float setting, elevation, distance, tan_half_fov, target[3], light[3], seed, count;
    struct {
        float shape, rgb[3], material, position[3], scale, yaw;
    } object[2];
};

struct Scene {
    Setting setting;
    float seed;
    Vec light, key, ambient;
    std::vector<Object> objects;
};

Hit trace(const Scene& scene, const Ray& r) {
    Hit best;
    for (size_t i = 0; i < scene.objects.size(); ++i) {
        const Object& object = scene.objects[i];
        if (misses(r, object.centre, object.radius)) continue;
        for (const Solid& s : object.solids) {
            if (misses(r, s.centre, s.radius)) continue;
            float t;
            Vec n;
            if (!hit_solid(s, s.local(r), t, n) || t < 1e-3f || t >= best.t) continue;
            best.t = t;
            best.object = static_cast<int>(i);
            best.paint = s.paint;
            best.normal = s.row[0] * n.x + s.row[1] * n.y + s.row[2] * n.z;
        }
    }
    best.normal = normalize(best.normal);
    return best;
}

float hash(float x, float y) {
    const float s = std::sin(x * 127.1f + y * 311.7f) * 43758.547f;
    return s - std::floor(s);
}

float noise(float x, float y) {
    const float ix = std::floor(x), iy = std::floor(y);
    float fx = x - ix, fy = y - iy;
    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    const float low = hash(ix, iy) * (1 - fx) + hash(ix + 1, iy) * fx;
    const float high = hash(ix, iy + 1) * (1 - fx) + hash(ix + 1, iy + 1) * fx;
    return low * (1 - fy) + high * fy;
}

Vec sky(const Scene& scene, Vec d) {
    const float h = std::clamp(d.y * 2.2f, 0.0f, 1.0f);
    const float sun = dot(d, scene.light);
    switch (scene.setting) {
        case grass: return mix({.62f, .80f, .95f}, {.12f, .34f, .80f}, h);
        case desert: return mix({.90f, .82f, .62f}, {.36f, .60f, .85f}, h);
        case snow: return mix({.80f, .86f, .92f}, {.52f, .64f, .78f}, h);
        case night: {
            const float u = std::atan2(d.x, -d.z) * 26, v = d.y * 30;
            const float star = hash(std::floor(u) + scene.seed, std::floor(v));
            const float du = u - std::floor(u) - .5f, dv = v - std::floor(v) - .5f;
            const float glow = star > .86f && du * du + dv * dv < .05f ? .85f : 0;
            return mix({.035f, .05f, .14f}, {.006f, .01f, .05f}, h) + Vec{glow, glow, glow};
        }
        case sunset:
            return mix(mix({.98f, .42f, .10f}, {.80f, .20f, .28f}, std::min(1.f, h * 2)),
                       {.22f, .10f, .34f}, std::max(0.f, h * 2 - 1)) +
                   Vec{.5f, .3f, .1f} * (sun > .97f ? 1.f : 0.f);
        case studio: return mix({.66f, .66f, .67f}, {.50f, .50f, .52f}, h);
        case wood: return mix({.62f, .58f, .48f}, {.50f, .46f, .38f}, h);
        case water: return mix({.78f, .86f, .90f}, {.30f, .52f, .78f}, h);
    }
    return {};
}

Vec ground(const Scene& scene, float x, float z) {
    const float u = x + scene.seed, v = z + scene.seed * 1.7f;
    const float n = noise(u * 1.3f, v * 1.3f), fine = noise(u * 7, v * 7);
    switch (scene.setting) {
        case grass: return mix({.07f, .22f, .03f}, {.19f, .38f, .06f}, .5f * n + .5f * fine);
        case desert: {
            const float ripple = .5f + .5f * std::sin(v * 6 + 2.5f * n + u);
            return mix({.62f, .42f, .20f}, {.76f, .56f, .30f}, .55f * ripple + .45f * n);
        }
        case snow: return mix({.74f, .80f, .90f}, {.88f, .91f, .95f}, n);
        case night: return mix({.030f, .045f, .060f}, {.055f, .075f, .085f}, .6f * n + .4f * fine);
        case sunset: return mix({.14f, .07f, .06f}, {.24f, .13f, .08f}, .6f * n + .4f * fine);
        case studio: return {.62f, .62f, .63f};
        case wood: {
            const float plank = std::floor(u * 1.6f), edge = u * 1.6f - plank;
            const float grain = noise(u * 12, v * .9f + 17 * plank);
            const Vec c =
                mix({.30f, .14f, .05f}, {.46f, .25f, .10f}, .6f * hash(plank, 3) + .4f * grain);
            return edge < .06f ? c * .45f : c;
        }
        case water: return mix({.02f, .16f, .26f}, {.05f, .26f, .38f}, n);
    }
    return {};
}

Vec paint_colour(const Object& object, Paint paint) {
    switch (paint) {
        case Paint::own: return object.colour;
        case Paint::shade: return object.colour * .62f;
        case Paint::dark: return {.025f, .025f, .03f};
        case Paint::white: return {.85f, .85f, .85f};
        case Paint::cream: return {.75f, .66f, .48f};
        case Paint::glass: return {.16f, .30f, .42f};
        case Paint::yellow: return {.95f, .80f, .25f};
        case Paint::red: return {.75f, .05f, .04f};
        case Paint::orange: return {.90f, .34f, .03f};
        case Paint::brown: return {.14f, .06f, .03f};
        case Paint::grey: return {.28f, .28f, .29f};
    }
    return {};
}

// Four lights on a small disc, one for each sample of a pixel, soften the edges of shadows.
float lit(const Scene& scene, Vec p, int sample) {
    const Vec u = normalize(cross(scene.light, {0, 1, .01f})), v = cross(u, scene.light);
    const float a = sample * 1.5708f + .6f;
    const Vec d = normalize(scene.light + u * (.045f * std::cos(a)) + v * (.045f * std::sin(a)));
    return trace(scene, {p, d}).object < 0 ? 1.0f : 0.0f;
}

Vec reflected(const Scene& scene, Vec d) {
    if (d.y < 0) return ground(scene, 0, 0) * (.55f + .25f * (1 + d.y));
    Vec c = sky(scene, {d.x, d.y, d.z});
    if (scene.setting == night) c = mix({.10f, .12f, .20f}, {.03f, .04f, .10f}, d.y);
    const float box = std::fabs(d.x * .8f + .35f - d.y * .3f) < .16f && d.y > .15f ? 1.f : 0.f;
    return c + scene.key * (1.1f * box);
}

Vec shade_object(const Scene& scene, const Hit& hit, Vec p, Vec view, int sample) {
    const Object& object = scene.objects[hit.object];
    const Vec n = hit.normal, albedo = paint_colour(object, hit.paint);
    const bool own = hit.paint == Paint::own || hit.paint == Paint::shade;
    const int material = own ? object.material : matte;
    const float facing = std::max(0.f, dot(n, scene.light));
    const float light = facing > 0 ? lit(scene, p + n * 2e-3f, sample) : 0;
    const Vec ambient = scene.ambient * (.70f + .30f * n.y);
    const Vec diffuse = albedo * (scene.key * (facing * light) + ambient);
    if (material == matte) return diffuse;
    const Vec r = view - n * (2 * dot(view, n));
    const float cosine = std::max(0.f, -dot(view, n));
    const float fresnel = std::pow(1 - cosine, 5.f);
    const float shine = std::pow(std::max(0.f, dot(r, scene.light)), 70.f) * light;
    const Vec mirror = reflected(scene, r);
    if (material == glossy)
        return diffuse + mirror * (.07f + .45f * fresnel) + scene.key * (1.3f * shine);
    const Vec tint = mix(albedo, {1, 1, 1}, .6f * fresnel + .03f);
    // Flat faces see one spot of the sky: bands across them tell metal from paint.
    const float band = .5f + .5f * std::sin(4 * (r.x + r.y) + 5 * (p.y + .6f * p.x - .4f * p.z));
    return tint * (mirror * (.55f + 1.1f * band) + scene.key * (2.2f * shine)) + diffuse * .35f;
}

Vec shade_ground(const Scene& scene, Vec p, Vec view, float distance, int sample) {
    const float fog = 1 - std::exp(-distance * distance / 900);
    const Vec horizon = sky(scene, {view.x, 0, view.z});
    Vec c;
    if (scene.setting == water) {
        const float u = p.x + scene.seed, v = p.z + scene.seed;
        const Vec n = normalize({.05f * std::sin(5 * u + 3 * v) + .03f * std::sin(11 * v - 4 * u),
                                 1, .06f * std::sin(7 * v - 2 * u)});
        const Vec r = normalize(view - n * (2 * dot(view, n)));
        const Ray bounce{p, {r.x, std::fabs(r.y), r.z}};
        const Hit hit = trace(scene, bounce);
        const Vec mirror = hit.object < 0 ? sky(scene, bounce.d)
                                          : shade_object(scene, hit, bounce.o + bounce.d * hit.t,
                                                         bounce.d, sample);
        const float fresnel = .12f + .6f * std::pow(1 - std::max(0.f, -view.y), 4.f);
        c = mix(ground(scene, p.x, p.z), mirror, fresnel);
        c = c * (.75f + .25f * lit(scene, p, sample));
    } else {
        const float light = lit(scene, p + Vec{0, 1e-3f, 0}, sample) * scene.light.y;
        c = ground(scene, p.x, p.z) * (scene.key * (light * 1.1f) + scene.ambient);
    }
    return mix(c, horizon, fog);
}

Vec radiance(const Scene& scene, const Ray& r, int sample) {
    const Hit hit = trace(scene, r);
    const float floor_t = r.d.y < -1e-4f ? -r.o.y / r.d.y : kFar;
    if (hit.object >= 0 && hit.t < floor_t)
        return shade_object(scene, hit, r.o + r.d * hit.t, r.d, sample);
    if (floor_t < 120) return shade_ground(scene, r.o + r.d * floor_t, r.d, floor_t, sample);
    return sky(scene, r.d);
}

Solid place(const Part& part, Vec position, float scale, float yaw) {
    const float cp = std::cos(part.pitch), sp = std::sin(part.pitch);
    const float cr = std::cos(part.roll), sr = std::sin(part.roll);
    const float cy = std::cos(yaw), sy = std::sin(yaw);
    const Vec axes[3] = {{1, 0, 0}, {0, cp, sp}, {0, -sp, cp}};
    const float size[3] = {part.size.x, part.size.y, part.size.z};
    auto turn = [&](Vec v) { return Vec{cy * v.x + sy * v.z, v.y, -sy * v.x + cy * v.z}; };
    Solid s{part.body, part.paint, part.a, part.b, {}, {}, {}, 0};
    s.centre = position + turn(part.centre) * scale;
    float longest = 0, squares = 0;
    for (int i = 0; i < 3; ++i) {
        const Vec v = axes[i];
        const Vec rolled = turn({cr * v.x - sr * v.y, sr * v.x + cr * v.y, v.z});
        s.row[i] = rolled * (1 / (size[i] * scale));
        s.shift[i] = -dot(s.row[i], s.centre);
        longest = std::max(longest, size[i]);
        squares += size[i] * size[i];
    }
    const bool cornered = part.body == Body::box || part.body == Body::frustum;
    const float wide = std::max({1.f, part.a, part.b});
    s.radius = scale * 1.01f *
               (part.body == Body::torus ? longest * (1 + part.a)
                : cornered               ? std::sqrt(squares) * wide
                                         : longest);
    return s;
}

Object build(int shape, Vec rgb, int material, Vec position, float scale, float yaw) {
    Object object{{std::pow(rgb.x, 2.2f), std::pow(rgb.y, 2.2f), std::pow(rgb.z, 2.2f)},
                  material,
                  position + Vec{0, .8f * scale, 0},
                  0,
                  {}};
    for (const Part& part : parts_of(shape)) {
        object.solids.push_back(place(part, position, scale, yaw));
        const Solid& s = object.solids.back();
        const Vec d = s.centre - object.centre;
        object.radius = std::max(object.radius, std::sqrt(dot(d, d)) + s.radius);
    }
    return object;
}

Scene make_scene(const SceneRow& row) {
    Scene scene{static_cast<Setting>(static_cast<int>(row.setting)),
                row.seed,
                normalize({row.light[0], row.light[1], row.light[2]}),
                {.82f, .80f, .76f},
                {.34f, .35f, .37f},
                {}};
    if (scene.setting == night) {
        scene.key = {.60f, .64f, .74f};
        scene.ambient = {.17f, .18f, .23f};
    }
    if (scene.setting == sunset) {
        scene.key = {.88f, .70f, .55f};
        scene.ambient = {.30f, .25f, .25f};
    }
    for (int i = 0; i < static_cast<int>(row.count); ++i) {
        const auto& o = row.object[i];
        scene.objects.push_back(build(
            static_cast<int>(o.shape), {o.rgb[0], o.rgb[1], o.rgb[2]}, static_cast<int>(o.material),
            {o.position[0], o.position[1], o.position[2]}, o.scale, o.yaw));
    }
    return scene;
}

struct Camera {
    Vec back, eye, right{1, 0, 0}, up;
    float tan_half_fov;
    explicit Camera(const SceneRow& row)
        : back{0, std::sin(row.elevation), std::cos(row.elevation)},
          eye(Vec{row.target[0], row.target[1], row.target[2]} + back * row.distance),
          up(cross(back, right)),
          tan_half_fov(row.tan_half_fov) {}
    Ray ray(float x, float y) const {   // over the picture, 0 to 1, from the upper left
        const float u = (2 * x - 1) * tan_half_fov, v = (1 - 2 * y) * tan_half_fov;
        return {eye, normalize(right * u + up * v - back)};
    }
};

uint8_t encoded(float c) { return uint8_t(255 * std::pow(std::max(0.f, c), 1 / 2.2f) + .5f); }

void draw(const SceneRow& row, int size, uint8_t* out) {
    const Scene scene = make_scene(row);
    const Camera camera(row);
    for (int y = 0; y < size; ++y) {
        for (int x = 0; x < size; ++x) {
            Vec sum;
            for (int s = 0; s < 4; ++s) {
                const float u = (x + .25f + .5f * (s & 1)) / size;
                const float v = (y + .25f + .5f * (s >> 1)) / size;
                const Vec c = radiance(scene, camera.ray(u, v), s);
                sum = sum + Vec{std::min(c.x, 1.f), std::min(c.y, 1.f), std::min(c.z, 1.f)};
            }
            for (const float c : {sum.x, sum.y, sum.z}) *out++ = encoded(c / 4);
        }
    }
}

}   // namespace
}   // namespace world

extern "C" void render(const float* rows, int count, int size, uint8_t* out) {
    for (int i = 0; i < count; ++i)
        world::draw(reinterpret_cast<const world::SceneRow*>(rows)[i], size,
                    out + static_cast<size_t>(i) * size * size * 3);
}

// One scene from anywhere, as RGBA: 12 floats a camera, its axes to the right, up and back and its
// place. The ground ends at `disc`, from kFar on at a sky. distance: to what a pixel's centre sees.
extern "C" void views(const float* row, const float* cameras, int count, int size, float disc,
                      uint8_t* out, float* distance) {
    using namespace world;
    const auto& scene_row = *reinterpret_cast<const SceneRow*>(row);
    const Scene scene = make_scene(scene_row);
    for (int i = 0; i < count * size * size; ++i) {
        const Vec* axes = reinterpret_cast<const Vec*>(cameras) + i / (size * size) * 4;
        const auto ray = [&](float x, float y) {
            const float u = (2 * (i % size + x) / size - 1) * scene_row.tan_half_fov;
            const float v = (1 - 2 * (i / size % size + y) / size) * scene_row.tan_half_fov;
            return Ray{axes[3], normalize(axes[0] * u + axes[1] * v - axes[2])};
        };
        const auto reach = [&](const Ray& r) {
            const float t = r.d.y < -1e-4f ? -r.o.y / r.d.y : kFar;
            const Vec p = r.o + r.d * t;
            return std::min(trace(scene, r).t, p.x * p.x + p.z * p.z > disc * disc ? kFar : t);
        };
        Vec sum;
        int hits = 0;
        for (int s = 0; s < 4; ++s) {
            const Ray r = ray(.25f + .5f * (s & 1), .25f + .5f * (s >> 1));
            if (disc < kFar && reach(r) >= kFar) continue;
            const Vec c = radiance(scene, r, s);
            sum = sum + Vec{std::min(c.x, 1.f), std::min(c.y, 1.f), std::min(c.z, 1.f)};
            ++hits;
        }
        for (const float c : {sum.x, sum.y, sum.z}) *out++ = encoded(c / std::max(hits, 1));
        *out++ = uint8_t(hits * 255 / 4);
        *distance++ = reach(ray(.5f, .5f));
    }
}

// How much of each of cells x cells tiles the objects cover, 0 to 255: `render` without its light.
extern "C" void coverage(const float* rows, int count, int cells, uint8_t* out) {
    constexpr int kAcross = 3;
    for (int i = 0; i < count; ++i) {
        const auto& row = reinterpret_cast<const world::SceneRow*>(rows)[i];
        const world::Scene scene = world::make_scene(row);
        const world::Camera camera(row);
        for (int cell = 0; cell < cells * cells; ++cell) {
            int hits = 0;
            for (int s = 0; s < kAcross * kAcross; ++s) {
                const float x = cell % cells + (s % kAcross + .5f) / kAcross;
                const float y = cell / cells + (s / kAcross + .5f) / kAcross;
                hits += world::trace(scene, camera.ray(x / cells, y / cells)).object >= 0;
            }
            *out++ = static_cast<uint8_t>(hits * 255 / (kAcross * kAcross));
        }
    }
}

// Half extents in x, z, and the height of a shape.
extern "C" void shape_extent(int shape, float* out) {
    out[0] = out[1] = out[2] = 0;
    for (const world::Part& part : world::parts_of(shape)) {
        const world::Solid s = world::place(part, {}, 1, 0);
        for (int corner = 0; corner < 8; ++corner) {
            const float grow = part.body == world::Body::torus ? 1 + part.a : 1;
            const float side[3] = {
                corner & 1 ? grow : -grow,
                (corner & 2 ? 1.f : -1.f) * (part.body == world::Body::torus ? part.a : 1),
                corner & 4 ? grow : -grow};
            world::Vec p = s.centre;
            for (int i = 0; i < 3; ++i) {
                const float squared = world::dot(s.row[i], s.row[i]);
                p = p + s.row[i] * (side[i] / squared);
            }
            out[0] = std::max(out[0], std::fabs(p.x));
            out[1] = std::max(out[1], std::fabs(p.z));
            out[2] = std::max(out[2], p.y);
        }
    }
}
