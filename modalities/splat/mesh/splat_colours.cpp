#include "modalities/splat/mesh/splat_colours.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "modalities/splat/assets/transform.h"

namespace kiln {
namespace {

constexpr double kFaintest = 1 / 255.0;   // as the rasteriser: what counts as nothing
constexpr size_t kAtOnce = 256;           // spots that a thread takes in turn

}   // namespace

struct SplatColours::Seen {
    double along;   // how far in front of the surface a line of sight is nearest to it
    uint32_t gaussian;
    bool operator<(const Seen& o) const {   // the outermost on top of a heap
        return along != o.along ? along < o.along : gaussian > o.gaussian;
    }
};

SplatColours::SplatColours(const Splats& splats, std::vector<Gaussian> cloud, const Box& box,
                           double reach)
    : splats_(splats), cloud_(std::move(cloud)), reach_(reach), lookup_(cloud_, box, reach) {
    for (const Gaussian& g : cloud_) {
        const double square = 2 * std::log(g.opacity / kFaintest) * g.widest * g.widest;
        around_.push_back(
            {float(g.mean[0]), float(g.mean[1]), float(g.mean[2]), float(1.01 * square)});
    }
}

std::vector<std::optional<Vec3>> SplatColours::at(std::span<const Spot> spots) const {
    std::vector<std::optional<Vec3>> colours(spots.size());
    std::atomic<size_t> next = 0;
    const auto work = [&] {
        std::vector<Seen> seen;
        for (size_t first; (first = next.fetch_add(kAtOnce)) < spots.size();)
            for (size_t i = first; i < std::min(first + kAtOnce, spots.size()); i++) {
                look(spots[i], seen);
                colours[i] = composite(spots[i], seen);
            }
    };
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); i++) workers.emplace_back(work);
    work();
    workers.clear();
    return colours;
}

// What the line through a place along the normal passes, as a heap.
void SplatColours::look(const Spot& spot, std::vector<Seen>& seen) const {
    const auto& [place, normal] = spot;
    seen.clear();
    const float p[3] = {float(place[0]), float(place[1]), float(place[2])};
    const float n[3] = {float(normal[0]), float(normal[1]), float(normal[2])};
    for (const uint32_t i : lookup_.near(place)) {
        const std::array<float, 4>& ball = around_[i];
        const float d[3] = {p[0] - ball[0], p[1] - ball[1], p[2] - ball[2]};
        const float along_line = d[0] * n[0] + d[1] * n[1] + d[2] * n[2];
        if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] - along_line * along_line > ball[3]) continue;
        const Gaussian& g = cloud_[i];
        const Vec3 turned = g.conic * normal;
        const double square = dot(normal, turned);
        const double along = -dot(place - g.mean, turned) / square;
        // What is far in front is another part of the object; what is behind hides itself.
        if (along <= std::max(reach_, 2 / std::sqrt(square))) seen.push_back({along, i});
    }
    std::make_heap(seen.begin(), seen.end());
}

// Inwards, for as long as there is light.
std::optional<Vec3> SplatColours::composite(const Spot& spot, std::vector<Seen>& seen) const {
    const auto& [place, normal] = spot;
    double basis[16], light = 1;
    const double direction[3] = {-normal[0], -normal[1], -normal[2]};
    sh_basis(direction, splats_.sh_degree, basis);
    const size_t k = size_t(sh_count(splats_.sh_degree));
    Vec3 colour{};
    for (; !seen.empty() && light > 1e-3; seen.pop_back()) {
        std::pop_heap(seen.begin(), seen.end());
        const Gaussian& g = cloud_[seen.back().gaussian];
        const double alpha = std::min(0.99, g(place + seen.back().along * normal));
        if (!(alpha >= kFaintest)) continue;
        const float* sh = &splats_.sh[g.splat * k * 3];
        for (size_t c = 0; c < 3; c++) {
            double v = 0.5;
            for (size_t j = 0; j < k; j++) v += basis[j] * double(sh[j * 3 + c]);
            colour[c] += light * alpha * std::clamp(v, 0.0, 1.0);
        }
        light *= 1 - alpha;
    }
    if (light > 0.95) return {};
    return (1 / (1 - light)) * colour;
}

}   // namespace kiln
