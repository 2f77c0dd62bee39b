#include "apps/bench/roofline.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace kiln::bench {
namespace {

// The plot, and right of it the list of kernels; in pixels.
constexpr double kWidth = 1180, kHeight = 680, kLeft = 84, kRight = 770, kTop = 78, kBottom = 600;
constexpr double kLane = 170;   // at the left of the plot: what moves and does not calculate
constexpr size_t kListed = 16;
constexpr double kLeastTime = 0.0005;   // of all, of a kernel that is drawn
constexpr const char* kColours[] = {
    "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#db2777", "#65a30d",
    "#475569", "#b45309", "#4f46e5", "#0d9488", "#be123c", "#a16207", "#6d28d9", "#334155"};

// Behind text that may lie on something.
constexpr const char* kHalo = " paint-order='stroke' stroke='white' stroke-width='3'";

std::string number(double value, int digits = 1) {
    char text[32];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

// Of an axis: "0.01", "100".
std::string tick(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%g", value);
    return text;
}

// Three digits that matter.
std::string brief(double value) {
    return number(value, value >= 99.95 ? 0 : value >= 9.995 ? 1 : value >= 0.9995 ? 2 : 3);
}

std::string speed(double gflops) {
    return gflops >= 1000 ? brief(gflops / 1000) + " TFLOP/s" : brief(gflops) + " GFLOP/s";
}

std::string escaped(const std::string& text) {
    std::string out;
    for (char c : text) out += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
    return out;
}

struct Dot {
    const Roofline::Kernel* kernel;
    double x, y, radius, share, limit;   // in pixels; of the time; of what the roof allows
    double number_x = 0, number_y = 0;
    bool inside = false;   // the number
};

class Plot {
public:
    Plot(const Peaks& peaks, const std::vector<const Roofline::Kernel*>& kernels) : peaks_(peaks) {
        top_ = std::max({peaks.f32, peaks.f16, peaks.matrix}) * 2.2;
        double high = 4 * top_ / peaks.copy;
        for (const auto* k : kernels) {
            half_ |= k->dtype == DType::f16;
            if (k->work.flops == 0) continue;
            high = std::max(high, 2 * k->work.flops / k->work.bytes);
            bottom_ = std::min(bottom_, 0.4 * k->work.flops / k->milliseconds / 1e6);
        }
        right_ = high;
        bottom_ = std::min(bottom_, kLeast * intensity(kLeft) * peaks.copy);
    }

    double x(double intensity) const {
        return kLeft + kLane +
               (kRight - kLeft - kLane) * std::log(intensity / left_) / std::log(right_ / left_);
    }
    double y(double gflops) const {
        return kBottom - (kBottom - kTop) * std::log(gflops / bottom_) / std::log(top_ / bottom_);
    }
    double intensity(double at_x) const {
        return left_ * std::pow(right_ / left_, (at_x - kLeft - kLane) / (kRight - kLeft - kLane));
    }

    std::string frame() const;
    std::string roofs() const;

private:
    std::string roof(const std::string& name, double gflops) const;
    const Peaks& peaks_;
    bool half_ = false;   // something is stored so
    static constexpr double kLeast =
        0.02;   // of what the memory gives: what is less lies on the edge
    double left_ = 0.06, right_ = 1, bottom_ = 1e30, top_;
};

std::string line(double x1, double y1, double x2, double y2, const std::string& style) {
    return "<line x1='" + number(x1) + "' y1='" + number(y1) + "' x2='" + number(x2) + "' y2='" +
           number(y2) + "' " + style + "/>\n";
}

std::string text(double x, double y, const std::string& what, const std::string& style = "") {
    return "<text x='" + number(x) + "' y='" + number(y) + "' " + style + ">" + escaped(what) +
           "</text>\n";
}

std::string Plot::frame() const {
    std::string out = "<rect x='" + number(kLeft) + "' y='" + number(kTop) + "' width='" +
                      number(kLane) + "' height='" + number(kBottom - kTop) +
                      "' fill='#f1f5f9'/>\n";
    const std::string grid = "stroke='#e2e8f0'";
    for (double d = std::pow(10, std::ceil(std::log10(left_))); d <= right_; d *= 10) {
        out += line(x(d), kTop, x(d), kBottom, grid);
        out += text(x(d), kBottom + 20, tick(d), "text-anchor='middle'");
    }
    for (double d = std::pow(10, std::ceil(std::log10(bottom_))); d <= top_; d *= 10) {
        out += line(kLeft, y(d), kRight, y(d), grid);
        out += text(kLeft - 8, y(d) + 4, tick(d), "text-anchor='end'");
    }
    out += text((kLeft + kLane + kRight) / 2, kBottom + 44, "operations a byte",
                "text-anchor='middle'");
    out += text(kLeft + kLane / 2, kBottom + 20, "moves only", "text-anchor='middle'");
    out += "<text transform='translate(26 " + number((kTop + kBottom) / 2) +
           ") rotate(-90)' text-anchor='middle'>GFLOP/s</text>\n";
    return out;
}

// From where the memory's roof meets it, with its name above the right end.
std::string Plot::roof(const std::string& name, double gflops) const {
    if (gflops <= 0) return {};
    const double from = x(gflops / peaks_.copy);
    return line(from, y(gflops), kRight, y(gflops), "stroke='#0f172a' stroke-width='1.6'") +
           text(kRight - 6, y(gflops) - 6, name + "  " + speed(gflops),
                "text-anchor='end' font-size='12'" + std::string(kHalo));
}

std::string Plot::roofs() const {
    const double highest = std::max({peaks_.f32, peaks_.f16, peaks_.matrix});
    const double knee = x(highest / peaks_.copy);
    auto on_roof = [&](double at) { return y(intensity(at) * peaks_.copy); };
    std::string out =
        line(kLeft, on_roof(kLeft), knee, on_roof(knee), "stroke='#0f172a' stroke-width='1.6'");
    const double slope = std::atan2(on_roof(knee) - on_roof(kLeft), knee - kLeft) * 180 / M_PI;
    const double at = kLeft + 0.5 * (knee - kLeft);
    out += "<text transform='translate(" + number(at) + " " + number(on_roof(at) - 8) +
           ") rotate(" + number(slope) + ")' text-anchor='middle' font-size='12'>memory  " +
           brief(peaks_.copy) + " GB/s</text>\n";
    out += roof("f32", peaks_.f32);
    // Arithmetic that is emulated is no limit of what does not use it.
    if (half_ || peaks_.f16 > peaks_.f32) out += roof("f16", peaks_.f16);
    if (half_ || peaks_.matrix > peaks_.f32) out += roof("matrix", peaks_.matrix);
    return out;
}

// Each number in its dot or beside it, where no other number is.
void number_dots(std::vector<Dot>& dots) {
    constexpr double kRoom = 15;
    std::vector<std::pair<double, double>> taken;
    auto is_free = [&](const Dot& of, double x, double y) {
        const bool covered = std::any_of(dots.begin(), dots.end(), [&](const Dot& other) {
            return &other > &of && std::hypot(other.x - x, other.y - y) < other.radius + 6;
        });
        return !covered && std::all_of(taken.begin(), taken.end(), [&](const auto& t) {
            return std::hypot(t.first - x, t.second - y) >= kRoom;
        });
    };
    for (Dot& dot : dots) {
        const double far = dot.radius + 9;
        std::vector<std::pair<double, double>> places = {
            {0, -far}, {far, 0}, {-far, 0}, {0, far}, {far, -far}, {-far, -far}, {0, -far - 14}};
        if (dot.radius >= 9) places.insert(places.begin(), {0.0, 0.0});
        size_t best = 0;
        while (best + 1 < places.size() &&
               !is_free(dot, dot.x + places[best].first, dot.y + places[best].second))
            best++;
        dot.inside = dot.radius >= 9 && best == 0;
        dot.number_x = dot.x + places[best].first, dot.number_y = dot.y + places[best].second;
        taken.emplace_back(dot.number_x, dot.number_y);
    }
}

// Those that only move stand side by side in the lane, as far below the roof as they are slower.
std::vector<Dot> place(const Plot& plot, const Peaks& peaks,
                       const std::vector<const Roofline::Kernel*>& kernels, double total) {
    const auto moving = double(std::count_if(kernels.begin(), kernels.end(),
                                             [](const auto* k) { return k->work.flops == 0; }));
    std::vector<Dot> dots;
    double moved = 0;
    for (const auto* k : kernels) {
        Dot dot{.kernel = k,
                .share = k->milliseconds / total,
                .limit = peaks.milliseconds(k->work, k->dtype) / k->milliseconds};
        dot.radius = 4 + 30 * std::sqrt(dot.share);
        dot.x = plot.x(k->work.flops / k->work.bytes);
        double gflops = k->work.flops / k->milliseconds / 1e6;
        if (k->work.flops == 0) {
            dot.x = kLeft + kLane * (0.5 + moved++) / moving;
            gflops = plot.intensity(dot.x) * k->work.bytes / k->milliseconds / 1e6;
        }
        dot.y = std::min(plot.y(gflops), kBottom - dot.radius);
        dots.push_back(dot);
    }
    number_dots(dots);
    return dots;
}

std::string drawn(const Dot& dot, size_t index) {
    const std::string colour = kColours[index % std::size(kColours)];
    return "<circle cx='" + number(dot.x) + "' cy='" + number(dot.y) + "' r='" +
           number(dot.radius) + "' fill='" + colour + "' fill-opacity='0.75' stroke='white'/>\n";
}

std::string numbered(const Dot& dot, size_t index) {
    const std::string colour = dot.inside ? "white" : kColours[index % std::size(kColours)];
    return text(dot.number_x, dot.number_y + 4, std::to_string(index + 1),
                "text-anchor='middle' font-weight='600' font-size='12' fill='" + colour + "'" +
                    (dot.inside ? "" : kHalo));
}

std::string listed(const Dot& dot, size_t index) {
    const double x = kRight + 34, y = kTop + 24 + 33 * double(index);
    const Roofline::Kernel& k = *dot.kernel;
    const std::string colour = kColours[index % std::size(kColours)];
    std::string out = "<circle cx='" + number(x) + "' cy='" + number(y - 4) + "' r='10' fill='" +
                      colour + "' fill-opacity='0.85'/>\n";
    out += text(x, y, std::to_string(index + 1),
                "text-anchor='middle' fill='white' font-weight='600' font-size='11'");
    out += text(x + 18, y, k.name, "font-weight='600'");
    const std::string rate = k.work.flops > 0
                                 ? speed(k.work.flops / k.milliseconds / 1e6)
                                 : brief(k.work.bytes / k.milliseconds / 1e6) + " GB/s";
    return out + text(x + 18, y + 15,
                      number(100 * dot.share) + " % of the time, " + rate + ", " +
                          number(100 * dot.limit, 0) + " % of the limit",
                      "fill='#475569' font-size='12'");
}

}   // namespace

void Roofline::add(const std::string& name, DType dtype, const Work& work, double milliseconds) {
    const std::string type(name_of(dtype));
    const std::string full = name.ends_with(type) ? name : name + " " + type;
    Kernel& k = kernels_[full];
    k.name = full, k.dtype = dtype;
    k.work.flops += work.flops, k.work.bytes += work.bytes;
    k.milliseconds += milliseconds;
}

std::string Roofline::svg() const {
    double total = 0;
    std::vector<const Kernel*> kernels;
    for (const auto& [key, kernel] : kernels_) {
        if (kernel.milliseconds <= 0 || kernel.work.bytes <= 0) continue;
        kernels.push_back(&kernel);
        total += kernel.milliseconds;
    }
    std::stable_sort(kernels.begin(), kernels.end(), [](const auto* a, const auto* b) {
        return a->milliseconds > b->milliseconds;
    });
    std::erase_if(kernels, [&](const auto* k) { return k->milliseconds < kLeastTime * total; });
    if (kernels.size() > kListed) kernels.resize(kListed);
    const Plot plot(peaks_, kernels);
    std::string out = "<svg xmlns='http://www.w3.org/2000/svg' width='" + number(kWidth, 0) +
                      "' height='" + number(kHeight, 0) +
                      "' font-family='Inter, Helvetica, Arial, sans-serif' font-size='13' "
                      "fill='#0f172a'>\n<rect width='100%' height='100%' fill='white'/>\n";
    out += text(kLeft, 34, title_, "font-size='18' font-weight='600'");
    out += text(kLeft, 55,
                "Each kernel as large as its share of the time; the limit is the nearest roof, "
                "measured in the same run.",
                "fill='#475569'");
    out += plot.frame() + plot.roofs();
    const std::vector<Dot> dots = place(plot, peaks_, kernels, total);
    for (size_t i = 0; i < dots.size(); i++) out += drawn(dots[i], i);
    for (size_t i = 0; i < dots.size(); i++) out += numbered(dots[i], i) + listed(dots[i], i);
    return out + "</svg>\n";
}

}   // namespace kiln::bench
