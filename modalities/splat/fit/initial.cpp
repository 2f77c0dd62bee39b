// Nearest neighbours by a k-d tree that is an order of the points: each range's middle splits it.
// Source: Bentley. Multidimensional Binary Search Trees Used for Associative Searching. 1975.
#include "modalities/splat/fit/initial.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr size_t kNeighbours = 3, kLeaf = 8;
constexpr float kLeastDistance2 = 1e-7f;

class Tree {
public:
    explicit Tree(const std::vector<float>& positions) : positions_(positions) {
        order_.resize(positions.size() / 3);
        std::iota(order_.begin(), order_.end(), 0u);
        split(0, order_.size(), 0);
    }

    // The mean squared distance of point i to its nearest others; infinite where it has none.
    double spread(size_t i) const {
        Nearest nearest;
        search(i, 0, order_.size(), 0, nearest);
        const size_t found = std::min(kNeighbours, order_.size() - 1);
        double sum = 0;
        for (size_t k = 0; k < found; k++) sum += nearest.distances[k];
        return found ? sum / double(found) : std::numeric_limits<double>::infinity();
    }

private:
    struct Nearest {
        std::array<double, kNeighbours> distances;   // squared, ascending
        Nearest() { distances.fill(std::numeric_limits<double>::infinity()); }
        void offer(double d) {
            if (d >= distances.back()) return;
            distances.back() = d;
            std::sort(distances.begin(), distances.end());
        }
    };

    double at(size_t point, size_t axis) const { return double(positions_[point * 3 + axis]); }

    void split(size_t begin, size_t end, size_t axis) {
        if (end - begin <= kLeaf) return;
        const size_t middle = (begin + end) / 2;
        std::nth_element(order_.begin() + int64_t(begin), order_.begin() + int64_t(middle),
                         order_.begin() + int64_t(end),
                         [&](uint32_t a, uint32_t b) { return at(a, axis) < at(b, axis); });
        split(begin, middle, (axis + 1) % 3);
        split(middle + 1, end, (axis + 1) % 3);
    }

    void visit(size_t i, size_t place, Nearest& nearest) const {
        const size_t other = order_[place];
        if (other == i) return;
        double sum = 0;
        for (size_t k = 0; k < 3; k++) sum += (at(i, k) - at(other, k)) * (at(i, k) - at(other, k));
        nearest.offer(sum);
    }

    void search(size_t i, size_t begin, size_t end, size_t axis, Nearest& nearest) const {
        if (end - begin <= kLeaf) {
            for (size_t place = begin; place < end; place++) visit(i, place, nearest);
            return;
        }
        const size_t middle = (begin + end) / 2, next = (axis + 1) % 3;
        const double gap = at(i, axis) - at(order_[middle], axis);
        visit(i, middle, nearest);
        for (const bool near : {true, false}) {
            if (!near && gap * gap >= nearest.distances.back()) continue;
            if ((gap < 0) == near)
                search(i, begin, middle, next, nearest);
            else
                search(i, middle + 1, end, next, nearest);
        }
    }

    const std::vector<float>& positions_;
    std::vector<uint32_t> order_;
};

}   // namespace

Splats splats_at(std::span<const float> positions, std::span<const float> colours,
                 const InitialOptions& options) {
    ensure(positions.size() % 3 == 0 && (colours.empty() || colours.size() == positions.size()),
           "three coordinates a point, and three values a colour");
    ensure(options.opacity > 0 && options.opacity < 1 && options.width > 0,
           "an opacity between 0 and 1, and a width");
    std::vector<float> means, tints;
    for (size_t i = 0; i + 2 < positions.size(); i += 3) {
        if (!std::isfinite(positions[i] + positions[i + 1] + positions[i + 2])) continue;
        for (size_t k = 0; k < 3; k++) {
            means.push_back(positions[i + k]);
            tints.push_back(colours.empty() ? 0.5f : colours[i + k]);
        }
    }
    const size_t n = means.size() / 3, stride = size_t(sh_count(options.sh_degree)) * 3;
    Splats splats = make_splats(n, options.sh_degree);
    const Tree tree(means);
    const float logit = std::log(options.opacity / (1 - options.opacity));
    for (size_t i = 0; i < n; i++) {
        const double spread = n > 1 ? tree.spread(i) : 1;
        const double distance2 = std::clamp(spread, double(kLeastDistance2), 1e12);
        const float scale = float(0.5 * std::log(distance2)) + std::log(options.width);
        for (size_t k = 0; k < 3; k++) {
            splats.log_scales[i * 3 + k] = scale;
            splats.sh[i * stride + k] = (tints[i * 3 + k] - 0.5f) / kShDc;
        }
        splats.logits[i] = logit;
    }
    splats.means = std::move(means);
    return splats;
}

Splats random_splats(size_t n, const std::array<float, 3>& centre, const std::array<float, 3>& half,
                     Region region, uint64_t seed, const InitialOptions& options) {
    std::mt19937_64 random(seed);
    std::vector<float> positions;
    positions.reserve(n * 3);
    while (positions.size() < n * 3) {
        std::array<double, 3> x;
        for (double& v : x) v = double(random() >> 11) * 0x1p-52 - 1;
        if (region == Region::ball && x[0] * x[0] + x[1] * x[1] + x[2] * x[2] > 1) continue;
        for (size_t k = 0; k < 3; k++)
            positions.push_back(float(double(centre[k]) + double(half[k]) * x[k]));
    }
    return splats_at(positions, {}, options);
}

}   // namespace kiln
