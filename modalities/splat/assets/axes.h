// Which way the axes of a file point, and the same splats with other ones.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "modalities/splat/splats.h"
#include "runtime/base/result.h"

namespace kiln {

// Named by where x, y and z point, as the spz library does: right or left, up or down, back
// (towards the viewer) or front. Splats in memory are RUB; cameras of photogrammetry are RDF.
struct Axes {
    std::array<int, 3> signs = {1, 1, 1};   // against RUB

    bool operator==(const Axes&) const = default;
};
inline constexpr Axes kRub{{1, 1, 1}}, kRdf{{1, -1, -1}};

Result<Axes> axes_named(std::string_view name);   // "RUB", "rdf", ...; none of the eight: usage
std::string to_string(Axes axes);                 // "RUB"

// Means, rotations and spherical harmonics change signs; scales stay, as an ellipsoid is its own
// mirror image. Exact, and its own inverse with the two exchanged.
void change_axes(Splats& splats, Axes from, Axes to);

}   // namespace kiln
