#include "modalities/splat/fit/densify.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "runtime/base/check.h"

namespace kiln {
namespace {

constexpr double kTau = 6.283185307179586;
constexpr double kMostScale = 30;   // logarithm; what is larger is of no use and overflows

double opacity_of(float logit) { return 1 / (1 + std::exp(-double(logit))); }
float logit_of(double opacity) { return float(std::log(opacity / (1 - opacity))); }

double uniform(std::mt19937_64& random) { return double(random() >> 11) * 0x1p-53; }

double normal(std::mt19937_64& random) {
    const double u = 1 - uniform(random), v = uniform(random);
    return std::sqrt(-2 * std::log(u)) * std::cos(kTau * v);
}

void append(std::vector<float>& to, const std::vector<float>& from, size_t i, size_t width) {
    for (size_t k = 0; k < width; k++) to.push_back(from[i * width + k]);
}

// Splat i of `from`; its places hold moments in a Memory.
void append(Splats& to, const Splats& from, size_t i) {
    append(to.means, from.means, i, 3);
    append(to.log_scales, from.log_scales, i, 3);
    append(to.quaternions, from.quaternions, i, 4);
    append(to.logits, from.logits, i, 1);
    append(to.sh, from.sh, i, size_t(sh_count(from.sh_degree)) * 3);
}

void append_zero(Splats& to) {
    to.means.insert(to.means.end(), 3, 0);
    to.log_scales.insert(to.log_scales.end(), 3, 0);
    to.quaternions.insert(to.quaternions.end(), 4, 0);
    to.logits.push_back(0);
    to.sh.insert(to.sh.end(), size_t(sh_count(to.sh_degree)) * 3, 0);
}

void clear(Splats& moments, size_t i) {
    const size_t width = size_t(sh_count(moments.sh_degree)) * 3;
    std::fill_n(moments.means.begin() + int64_t(i * 3), 3, 0.0f);
    std::fill_n(moments.log_scales.begin() + int64_t(i * 3), 3, 0.0f);
    std::fill_n(moments.quaternions.begin() + int64_t(i * 4), 4, 0.0f);
    moments.logits[i] = 0;
    std::fill_n(moments.sh.begin() + int64_t(i * width), width, 0.0f);
}

void copy_splat(Splats& splats, size_t from, size_t to) {
    const size_t width = size_t(sh_count(splats.sh_degree)) * 3;
    const auto copy = [&](std::vector<float>& part, size_t n) {
        std::copy_n(part.begin() + int64_t(from * n), n, part.begin() + int64_t(to * n));
    };
    copy(splats.means, 3), copy(splats.log_scales, 3), copy(splats.quaternions, 4);
    copy(splats.logits, 1), copy(splats.sh, width);
}

// A cloud under construction out of another.
struct Builder {
    const Cloud& from;
    Cloud to;

    explicit Builder(const Cloud& cloud) : from(cloud) {
        for (Splats* s : {&to.splats, &to.memory.first, &to.memory.second})
            s->sh_degree = from.splats.sh_degree;
        to.splats.antialiased = from.splats.antialiased;
        to.memory.steps = from.memory.steps;
    }
    void keep(size_t i) {
        append(to.splats, from.splats, i);
        append(to.memory.first, from.memory.first, i);
        append(to.memory.second, from.memory.second, i);
    }
    void add(size_t i) {
        append(to.splats, from.splats, i);
        append_zero(to.memory.first);
        append_zero(to.memory.second);
    }
};

void orient(const float* q, double axes[3][3]) {
    double length = 0;
    for (size_t k = 0; k < 4; k++) length += double(q[k]) * double(q[k]);
    length = std::sqrt(length);
    const double w = double(q[0]) / length, x = double(q[1]) / length, y = double(q[2]) / length,
                 z = double(q[3]) / length;
    const double rows[3][3] = {{1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)},
                               {2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)},
                               {2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)}};
    std::copy_n(&rows[0][0], 9, &axes[0][0]);
}

double largest_scale(const Splats& s, size_t i) {
    return std::exp(
        double(std::max({s.log_scales[i * 3], s.log_scales[i * 3 + 1], s.log_scales[i * 3 + 2]})));
}

double far(const Splats& s, size_t i, const AdaptiveOptions& options) {
    double squares = 0;
    for (size_t k = 0; k < 3; k++) {
        const double away = double(s.means[i * 3 + k]) - double(options.middle[k]);
        squares += away * away;
    }
    return std::sqrt(squares);
}

// Half of splat i: drawn from it, and smaller.
void add_half(Builder& builder, size_t i, float shrink, std::mt19937_64& random) {
    const Splats& s = builder.from.splats;
    double axes[3][3], along[3];
    orient(&s.quaternions[i * 4], axes);
    for (size_t k = 0; k < 3; k++)
        along[k] = normal(random) * std::exp(std::min(double(s.log_scales[i * 3 + k]), kMostScale));
    builder.add(i);
    Splats& to = builder.to.splats;
    const size_t at = to.size() - 1;
    for (size_t r = 0; r < 3; r++) {
        double moved = double(s.means[i * 3 + r]);
        for (size_t k = 0; k < 3; k++) moved += axes[r][k] * along[k];
        to.means[at * 3 + r] = float(moved);
        to.log_scales[at * 3 + r] -= std::log(shrink);
    }
}

// Which splats that stay are too few, those with the largest gradients first where not all have
// room.
std::vector<bool> too_few(const Cloud& cloud, const std::vector<bool>& faint, float least,
                          size_t room) {
    const size_t n = cloud.splats.size();
    std::vector<double> gradients(n);
    std::vector<size_t> found;
    for (size_t i = 0; i < n; i++) {
        const double pictures = double(cloud.memory.pictures[i]);
        gradients[i] = pictures > 0 ? double(cloud.memory.lengths[i]) / pictures : 0;
        if (!faint[i] && gradients[i] > double(least)) found.push_back(i);
    }
    if (found.size() > room) {
        std::stable_sort(found.begin(), found.end(),
                         [&](size_t a, size_t b) { return gradients[a] > gradients[b]; });
        found.resize(room);
    }
    std::vector<bool> chosen(n);
    for (const size_t i : found) chosen[i] = true;
    return chosen;
}

void check(const Cloud& cloud) {
    const size_t n = cloud.splats.size();
    ensure(consistent(cloud.splats) && consistent(cloud.memory.first) &&
               consistent(cloud.memory.second) && cloud.memory.first.size() == n &&
               cloud.memory.second.size() == n && cloud.memory.lengths.size() == n &&
               cloud.memory.pictures.size() == n,
           "a cloud whose moments are those of its splats");
}

void forget(Cloud& cloud) {
    cloud.memory.lengths.assign(cloud.splats.size(), 0);
    cloud.memory.pictures.assign(cloud.splats.size(), 0);
}

// Gives splat i, and its copies, what makes them together look as it did.
void divide(Cloud& cloud, size_t i, int copies) {
    Splats& s = cloud.splats;
    const Share share = share_of(std::clamp(opacity_of(s.logits[i]), 1e-6, 1 - 1e-6), copies);
    s.logits[i] = logit_of(share.opacity);
    for (size_t k = 0; k < 3; k++) s.log_scales[i * 3 + k] += float(std::log(share.scale));
    clear(cloud.memory.first, i);
    clear(cloud.memory.second, i);
}

// `count` draws in proportion to weights, of whose running sums these are; each at most
// kMostCopies - 1 times.
std::vector<size_t> draw(const std::vector<double>& sums, size_t count, std::vector<int>& copies,
                         std::mt19937_64& random) {
    std::vector<size_t> drawn;
    for (size_t k = 0; k < count; k++) {
        const double at = uniform(random) * sums.back();
        const size_t i = size_t(std::upper_bound(sums.begin(), sums.end(), at) - sums.begin());
        if (i >= sums.size() || copies[i] >= kMostCopies) continue;
        copies[i]++;
        drawn.push_back(i);
    }
    return drawn;
}

}   // namespace

Densified densify(Cloud& cloud, const AdaptiveOptions& options, double extent, bool prune_large,
                  size_t most, uint64_t seed) {
    check(cloud);
    const Splats& s = cloud.splats;
    const size_t n = s.size();
    Densified done;
    std::mt19937_64 random(seed);
    std::vector<bool> faint(n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        faint[i] = opacity_of(s.logits[i]) < double(options.least_opacity) ||
                   (prune_large && largest_scale(s, i) > double(options.most_scale) *
                                                             std::max(extent, far(s, i, options)));
        kept += !faint[i];
    }
    if (kept == 0) faint.assign(n, false), kept = n;
    const size_t room = std::min(most > kept ? most - kept : 0,
                                 size_t(std::min(double(options.growth) * double(kept), 1e15)));
    const std::vector<bool> few = too_few(cloud, faint, options.gradient, room);
    Builder builder(cloud);
    std::vector<size_t> clones;
    for (size_t i = 0; i < n; i++) {
        if (faint[i]) {
            done.pruned++;
        } else if (few[i] && largest_scale(s, i) > double(options.clone_scale) * extent) {
            add_half(builder, i, options.shrink, random);
            add_half(builder, i, options.shrink, random);
            done.split++;
        } else {
            builder.keep(i);
            if (few[i]) clones.push_back(i);
        }
    }
    for (const size_t i : clones) builder.add(i);
    done.cloned = clones.size();
    cloud = std::move(builder.to);
    forget(cloud);
    return done;
}

void reset_opacity(Cloud& cloud, float opacity) {
    check(cloud);
    const float most = logit_of(double(opacity));
    for (float& logit : cloud.splats.logits) logit = std::min(logit, most);
    std::fill(cloud.memory.first.logits.begin(), cloud.memory.first.logits.end(), 0.0f);
    std::fill(cloud.memory.second.logits.begin(), cloud.memory.second.logits.end(), 0.0f);
}

Share share_of(double opacity, int copies) {
    ensure(opacity > 0 && opacity < 1 && copies >= 1 && copies <= kMostCopies,
           "an opacity in (0, 1) among 1 to 51 copies");
    const double own = 1 - std::pow(1 - opacity, 1.0 / copies);
    double sum = 0, term = 1;   // C(N, j) o^j
    for (int j = 1; j <= copies; j++) {
        term *= own * (copies - j + 1) / j;
        sum += (j % 2 ? term : -term) / std::sqrt(double(j));
    }
    return {own, opacity / sum};
}

Densified relocate(Cloud& cloud, const RelocationOptions& options, size_t most, uint64_t seed) {
    check(cloud);
    const size_t n = cloud.splats.size();
    Densified done;
    std::mt19937_64 random(seed);
    const auto weigh = [&] {
        std::vector<double> sums;
        double sum = 0;
        for (const float logit : cloud.splats.logits) {
            const double opacity = opacity_of(logit);
            sums.push_back(sum += opacity > double(options.least_opacity) ? opacity : 0);
        }
        return sums;
    };
    const std::vector<double> living = weigh();
    if (n == 0 || !(living.back() > 0)) return done;
    std::vector<size_t> dead;
    for (size_t i = 0; i < n; i++)
        if (opacity_of(cloud.splats.logits[i]) <= double(options.least_opacity)) dead.push_back(i);
    std::vector<int> copies(n, 1);
    const std::vector<size_t> onto = draw(living, dead.size(), copies, random);
    for (size_t i = 0; i < n; i++)
        if (copies[i] > 1) divide(cloud, i, copies[i]);
    for (size_t k = 0; k < onto.size(); k++) {
        copy_splat(cloud.splats, onto[k], dead[k]);
        clear(cloud.memory.first, dead[k]);
        clear(cloud.memory.second, dead[k]);
    }
    done.relocated = onto.size();
    const size_t grown = size_t(std::max(double(n) * double(options.growth), 1.0));
    const size_t wanted = std::min(most, n + (options.growth > 0 ? grown : 0));
    if (wanted > n) {
        copies.assign(n, 1);
        const std::vector<size_t> parents = draw(weigh(), wanted - n, copies, random);
        for (size_t i = 0; i < n; i++)
            if (copies[i] > 1) divide(cloud, i, copies[i]);
        for (const size_t i : parents) {
            append_zero(cloud.splats);
            copy_splat(cloud.splats, i, cloud.splats.size() - 1);
            append_zero(cloud.memory.first);
            append_zero(cloud.memory.second);
        }
        done.added = parents.size();
    }
    forget(cloud);
    return done;
}

}   // namespace kiln
