#include "modalities/audio/spectrogram_image.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>

namespace kiln {
namespace {

using Colour = std::array<uint8_t, 3>;

constexpr Colour kPaper{16, 15, 22}, kInk{205, 203, 214};

// magma, whose steps look even: Smith and van der Walt. A Better Default Colormap for Matplotlib.
// 2015.
constexpr Colour kMagma[] = {{0, 0, 4},       {20, 14, 54},    {59, 15, 112},  {100, 26, 128},
                             {140, 41, 129},  {182, 54, 121},  {222, 73, 104}, {246, 110, 92},
                             {254, 159, 109}, {254, 206, 145}, {252, 253, 191}};

Colour magma(double v) {
    const double at = std::clamp(v, 0.0, 1.0) * (std::size(kMagma) - 1);
    const size_t low = std::min(size_t(at), std::size(kMagma) - 2);
    Colour c;
    for (size_t i = 0; i < 3; i++)
        c[i] = uint8_t(std::lround(
            std::lerp(double(kMagma[low][i]), double(kMagma[low + 1][i]), at - double(low))));
    return c;
}

// What labels need: five columns and seven rows a letter, the leftmost column the highest bit.
struct Letter {
    char name;
    uint8_t rows[7];
};
constexpr int kLetterWidth = 6, kLetterHeight = 7;   // with the gap to the next
constexpr Letter kLetters[] = {
    {'0', {0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e}},
    {'1', {0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e}},
    {'2', {0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f}},
    {'3', {0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e}},
    {'4', {0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02}},
    {'5', {0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e}},
    {'6', {0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e}},
    {'7', {0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}},
    {'8', {0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e}},
    {'9', {0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c}},
    {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0c, 0x0c}},
    {'-', {0x00, 0x00, 0x00, 0x1f, 0x00, 0x00, 0x00}},
    {'k', {0x10, 0x10, 0x12, 0x14, 0x18, 0x14, 0x12}},
    {'H', {0x11, 0x11, 0x11, 0x1f, 0x11, 0x11, 0x11}},
    {'z', {0x00, 0x00, 0x1f, 0x02, 0x04, 0x08, 0x1f}},
    {'s', {0x00, 0x00, 0x0e, 0x10, 0x0e, 0x01, 0x1e}},
    {'d', {0x01, 0x01, 0x0d, 0x13, 0x11, 0x11, 0x0f}},
    {'B', {0x1e, 0x11, 0x11, 0x1e, 0x11, 0x11, 0x1e}},
};

struct Canvas {
    Image image;
    int scale;   // pixels of a dot of a letter

    void dot(int x, int y, const Colour& c) {
        if (x < 0 || y < 0 || x >= image.width || y >= image.height) return;
        std::copy(c.begin(), c.end(), image.pixels.begin() + 3 * (int64_t(y) * image.width + x));
    }
    void box(int x, int y, int width, int height, const Colour& c) {
        for (int i = 0; i < width * height; i++) dot(x + i % width, y + i / width, c);
    }
    void text(int x, int y, std::string_view words) {
        for (char name : words) {
            for (const Letter& letter : kLetters)
                for (int i = 0; letter.name == name && i < 5 * kLetterHeight; i++)
                    if (letter.rows[i / 5] >> (4 - i % 5) & 1)
                        box(x + i % 5 * scale, y + i / 5 * scale, scale, scale, kInk);
            x += kLetterWidth * scale;
        }
    }
    int extent(std::string_view words) const {
        return (kLetterWidth * int(words.size()) - 1) * scale;
    }
};

// A number with as many places as steps of that size need.
std::string label(double value, double step, const char* unit) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f %s", std::max(0, -int(std::floor(std::log10(step)))),
                  value, unit);
    return text;
}

// The smallest of 1, 2, 5, 10, ... times a power of ten that is at least `least`.
double round_step(double least) {
    const double power = std::pow(10.0, std::floor(std::log10(least)));
    for (double factor : {1.0, 2.0, 5.0})
        if (factor * power >= least * (1 - 1e-9)) return factor * power;
    return 10 * power;
}

// Decibels of each band and frame.
std::vector<float> decibels(const Mel& mel, const MelOptions& o) {
    const double a_factor = o.power ? 10 : 20;
    std::vector<float> result;
    for (float v : mel.values)
        result.push_back(o.log == MelLog::decibels ? v
                         : o.log == MelLog::natural
                             ? float(v * a_factor / std::log(10.0))
                             : float(a_factor * std::log10(std::max(v, o.floor))));
    return result;
}

// The loudness of a band over [begin, end) frames: that of the mean power, or between two frames.
double loudness(const std::vector<float>& levels, const Mel& mel, int64_t band, double begin,
                double end) {
    const auto at = [&](int64_t frame) {
        return double(
            levels[size_t(std::clamp<int64_t>(frame, 0, mel.frames - 1) * mel.bands + band)]);
    };
    if (end - begin < 1) {
        const double middle = std::max((begin + end) / 2 - 0.5, 0.0);
        return std::lerp(at(int64_t(middle)), at(int64_t(middle) + 1), middle - std::floor(middle));
    }
    double power = 0;
    const int64_t first = int64_t(begin), last = std::max(first + 1, int64_t(end));
    for (int64_t frame = first; frame < last; frame++) power += std::pow(10.0, at(frame) / 10);
    return 10 * std::log10(power / double(last - first));
}

struct Plot {
    Canvas canvas;
    int left, top, width, height;
};

void draw_spectrogram(Plot& plot, const Mel& mel, const std::vector<float>& levels, double loudest,
                      double range) {
    std::vector<double> column(static_cast<size_t>(mel.bands));
    for (int x = 0; x < plot.width; x++) {
        const double frames = double(mel.frames) / plot.width;
        for (int64_t band = 0; band < mel.bands; band++)
            column[size_t(band)] = loudness(levels, mel, band, x * frames, (x + 1) * frames);
        for (int y = 0; y < plot.height; y++) {
            const double up = (plot.height - y - 0.5) / plot.height;
            const double at =
                std::clamp(up * double(mel.bands + 1) - 1, 0.0, double(mel.bands - 1));
            const size_t low = size_t(at), high = std::min(low + 1, column.size() - 1);
            const double level = std::lerp(column[low], column[high], at - double(low));
            plot.canvas.dot(plot.left + x, plot.top + y, magma(1 + (level - loudest) / range));
        }
    }
}

void draw_axes(Plot& p, double seconds, const MelOptions& o, double range) {
    Canvas& c = p.canvas;
    const int tick = 3 * c.scale, half = kLetterHeight * c.scale / 2;
    const double step = round_step(seconds * 10 * kLetterWidth * c.scale / p.width);
    for (int i = 0; i * step <= seconds * (1 + 1e-9); i++) {
        const std::string words = label(i * step, step, "s");
        const int x = p.left + std::min(int(i * step / seconds * p.width), p.width - 1);
        c.box(x, p.top + p.height, c.scale, tick, kInk);
        c.text(x - c.extent(words) / 2, p.top + p.height + 2 * tick, words);
    }
    const double low = hertz_to_mel(o.low, o.scale), high = hertz_to_mel(o.high, o.scale);
    int above = p.top + p.height + half;   // of the label below
    for (double hertz : {50, 100, 200, 500, 1000, 2000, 4000, 8000, 16000, 32000}) {
        const double up = (hertz_to_mel(hertz, o.scale) - low) / (high - low);
        const int y = p.top + p.height - 1 - int(up * p.height);
        if (up < 0 || up > 1 || y + half > above) continue;
        const std::string words =
            hertz < 1000 ? label(hertz, 1, "Hz") : label(hertz / 1000, 1, "kHz");
        c.box(p.left - tick, y, tick, c.scale, kInk);
        c.text(p.left - 2 * tick - c.extent(words), y - half, words);
        above = y - 2 * half;
    }
    const int bar = p.left + p.width + 2 * tick;
    for (int y = 0; y < p.height; y++)
        c.box(bar, p.top + y, 2 * tick, 1, magma(1 - (y + 0.5) / p.height));
    const double drop = round_step(range * 2 * kLetterHeight * c.scale / p.height);
    for (int i = 0; i * drop <= range * (1 + 1e-9); i++) {
        const int y = p.top + std::min(int(i * drop / range * p.height), p.height - 1);
        c.box(bar + 2 * tick, y, tick, c.scale, kInk);
        c.text(bar + 4 * tick, y - half, label(-i * drop + 0.0, drop, "dB"));
    }
}

Error refusal(const char* fact) { return {Status::usage, std::string("spectrogram: ") + fact}; }

Result<void> check(const SpectrogramStyle& s) {
    if (std::min(s.width, s.height) < 16 || std::max(s.width, s.height) > 8192)
        return refusal("width and height are from 16 to 8192 pixels");
    if (!(s.range > 0 && s.range <= 1000)) return refusal("the range is positive, in decibels");
    return {};
}

Result<Image> drawn(const Mel& mel, const MelOptions& o, const SpectrogramStyle& style,
                    double seconds) {
    const std::vector<float> levels = decibels(mel, o);
    if (levels.empty() || mel.bands != o.bands || int64_t(levels.size()) != mel.frames * mel.bands)
        return refusal("there are no frames, or not whole ones");
    if (!std::all_of(levels.begin(), levels.end(), [](float v) { return std::isfinite(v); }))
        return refusal("a value is not finite");
    const double floor = (o.power ? 10 : 20) * std::log10(double(o.floor));
    const double loudest =
        std::max(double(*std::max_element(levels.begin(), levels.end())), floor + style.range);
    const int scale = std::clamp(style.height / 128, 1, 4);
    Plot plot{{{}, scale}, 0, 0, style.width, style.height};
    if (style.axes) plot.left = 58 * scale, plot.top = 6 * scale;
    Image& image = plot.canvas.image;
    image.width = style.width + (style.axes ? 2 * plot.left + 6 * scale : 0);
    image.height = style.height + (style.axes ? plot.top + 18 * scale : 0);
    image.channels = 3;
    image.pixels.resize(size_t(image.width) * size_t(image.height) * 3);
    plot.canvas.box(0, 0, image.width, image.height, kPaper);
    draw_spectrogram(plot, mel, levels, loudest, style.range);
    if (style.axes) draw_axes(plot, seconds, o, style.range);
    return image;
}

}   // namespace

Result<Image> spectrogram_image(const Mel& mel, const MelOptions& o,
                                const SpectrogramStyle& style) {
    if (auto good = check(style); !good) return good.error();
    if (auto good = check(o); !good) return good.error();
    return drawn(mel, o, style, double(mel.frames) * o.hop / o.sample_rate);
}

Result<Image> spectrogram_image(const std::shared_ptr<Device>& device,
                                std::span<const float> samples, int sample_rate,
                                const SpectrogramStyle& style) {
    if (auto good = check(style); !good) return good.error();
    if (samples.empty() || sample_rate < 1000 || sample_rate > 1000000)
        return refusal("a sound has samples, and from 1000 to 1000000 of them a second");
    MelOptions o{.sample_rate = sample_rate,
                 .bands = 128,
                 .high = sample_rate / 2.0,
                 .power = true,
                 .log = MelLog::decibels,
                 .floor = 1e-10f};
    // About a sixteenth of a second, and frames that overlap at least by three quarters.
    o.n_fft = o.window = int(std::clamp(std::bit_ceil(uint32_t(sample_rate / 16)), 64u, 2048u));
    const int64_t least = std::max(o.n_fft / 32, 1), most = o.n_fft / 4;
    o.hop = int(std::clamp<int64_t>(int64_t(samples.size()) / style.width, least, most));
    o.padding = o.n_fft / 2;
    std::vector<float> lengthened(samples.begin(), samples.end());
    if (int64_t(lengthened.size()) <= o.padding) lengthened.resize(size_t(o.padding) + 1, 0.0f);
    Result<Mel> mel = mel_spectrogram(device, lengthened, o);
    if (!mel) return mel.error();
    return drawn(*mel, o, style, double(samples.size()) / sample_rate);
}

}   // namespace kiln
