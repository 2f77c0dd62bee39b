#include "modalities/splat/assets/axes.h"

#include <cstdint>

namespace kiln {
namespace {

constexpr std::string_view kLetters[3] = {"RL", "UD", "BF"};   // along and against RUB

// The axes that each spherical harmonic is odd in, as bits x 1, y 2, z 4: under a change of signs
// it keeps its form and takes their product.
constexpr int kX = 1, kY = 2, kZ = 4;
constexpr int kOdd[16] = {0, kY, kZ,           kX, kX | kY, kY | kZ, 0,  kX | kZ,
                          0, kY, kX | kY | kZ, kY, kZ,      kX,      kZ, kX};

}   // namespace

Result<Axes> axes_named(std::string_view name) {
    Axes axes;
    bool known = name.size() == 3;
    for (size_t i = 0; known && i < 3; i++) {
        const char letter = char(name[i] & ~0x20);
        known = kLetters[i].find(letter) != std::string_view::npos;
        axes.signs[i] = letter == kLetters[i][0] ? 1 : -1;
    }
    if (known) return axes;
    return Error{Status::usage, "axes \"" + std::string(name) +
                                    "\": expected right or left, up or down, back or front by "
                                    "their letters, such as RUB or RDF"};
}

std::string to_string(Axes axes) {
    std::string name;
    for (size_t i = 0; i < 3; i++) name += kLetters[i][axes.signs[i] > 0 ? 0 : 1];
    return name;
}

void change_axes(Splats& splats, Axes from, Axes to) {
    if (from == to) return;
    float s[3];
    for (size_t a = 0; a < 3; a++) s[a] = float(from.signs[a] * to.signs[a]);
    for (size_t i = 0; i < splats.means.size(); i++) splats.means[i] *= s[i % 3];
    // A mirrored rotation turns about the mirrored axis the other way round: S R S.
    for (size_t i = 0; i + 3 < splats.quaternions.size(); i += 4)
        for (size_t a = 0; a < 3; a++)
            splats.quaternions[i + 1 + a] *= s[(a + 1) % 3] * s[(a + 2) % 3];
    float sign[16];
    for (int k = 0; k < 16; k++) {
        sign[k] = 1;
        for (int a = 0; a < 3; a++)
            if (kOdd[k] >> a & 1) sign[k] *= s[a];
    }
    const size_t count = size_t(sh_count(splats.sh_degree));
    for (size_t i = 0; i < splats.sh.size(); i++) splats.sh[i] *= sign[i / 3 % count];
}

}   // namespace kiln
