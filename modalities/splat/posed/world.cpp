// Which way is up in the world of posed pictures, and where in it they look.
#include <algorithm>
#include <cmath>

#include "modalities/splat/posed/posed.h"

namespace kiln {
namespace {

using Vec = std::array<double, 3>;
using Matrix = std::array<double, 9>;   // row by row

double dot(const Vec& a, const Vec& b) { return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]; }
double length(const Vec& a) { return std::sqrt(dot(a, a)); }

Vec row(const Matrix& m, size_t i) { return {m[i * 3], m[i * 3 + 1], m[i * 3 + 2]}; }
Vec times(const Matrix& m, const Vec& v) {
    return {dot(row(m, 0), v), dot(row(m, 1), v), dot(row(m, 2), v)};
}
// a b^T
Matrix times_transposed(const Matrix& a, const Matrix& b) {
    Matrix product;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) product[i * 3 + j] = dot(row(a, i), row(b, j));
    return product;
}

// The shortest turn from one unit vector, which is not nearly opposite, to another.
Matrix shortest_turn(const Vec& from, const Vec& to) {
    const Vec v = {from[1] * to[2] - from[2] * to[1], from[2] * to[0] - from[0] * to[2],
                   from[0] * to[1] - from[1] * to[0]};
    const double c = dot(from, to), k = 1 / (1 + c);
    return {c + k * v[0] * v[0],    k * v[0] * v[1] - v[2], k * v[0] * v[2] + v[1],
            k * v[0] * v[1] + v[2], c + k * v[1] * v[1],    k * v[1] * v[2] - v[0],
            k * v[0] * v[2] - v[1], k * v[1] * v[2] + v[0], c + k * v[2] * v[2]};
}

// What the pictures take for up, as the mean of their own; zero where they do not agree.
Vec mean_up(const PosedSet& set) {
    Vec sum{};
    for (const PosedPicture& p : set.pictures)
        for (size_t a = 0; a < 3; a++) sum[a] -= p.rotation[3 + a] / double(set.pictures.size());
    const double agreed = length(sum);
    if (agreed < 0.3) return {};
    for (double& x : sum) x /= agreed;
    return sum;
}

Matrix turn_of(const PosedSet& set, Up up) {
    if (up == Up::automatic && set.z_up) up = Up::z;
    switch (up) {
        case Up::x: return {0, -1, 0, 1, 0, 0, 0, 0, 1};
        case Up::minus_x: return {0, 1, 0, -1, 0, 0, 0, 0, 1};
        case Up::y: return {1, 0, 0, 0, 1, 0, 0, 0, 1};
        case Up::z: return {1, 0, 0, 0, 0, 1, 0, -1, 0};
        case Up::minus_z: return {1, 0, 0, 0, 0, -1, 0, 1, 0};
        case Up::minus_y:
        case Up::automatic: break;
    }
    const Matrix flip = {1, 0, 0, 0, -1, 0, 0, 0, -1};
    if (up == Up::minus_y) return flip;
    const Vec found = times(flip, mean_up(set)), y = {0, 1, 0};
    if (length(found) < 0.5) return flip;
    if (found[1] > -0.99) return times_transposed(shortest_turn(found, y), flip);
    return {1, 0, 0, 0, 1, 0, 0, 0, 1};
}

}   // namespace

std::array<double, 3> PosedPicture::position() const {
    Vec at{};
    for (size_t r = 0; r < 3; r++)
        for (size_t a = 0; a < 3; a++) at[a] -= rotation[r * 3 + a] * translation[r];
    return at;
}

Result<Up> up_named(std::string_view name) {
    const auto found = std::find(std::begin(kUpNames), std::end(kUpNames), name);
    if (found == std::end(kUpNames))
        return Error{Status::usage,
                     "up: \"" + std::string(name) + "\" is none of auto, x, y, z, -x, -y and -z"};
    return Up(found - std::begin(kUpNames));
}

void turn(PosedSet& set, Up up) {
    const Matrix q = turn_of(set, up);
    for (PosedPicture& p : set.pictures) p.rotation = times_transposed(p.rotation, q);
    for (size_t i = 0; i < set.points.size(); i++) {
        float* at = &set.points.positions[i * 3];
        const Vec turned = times(q, {at[0], at[1], at[2]});
        for (size_t a = 0; a < 3; a++) at[a] = float(turned[a]);
    }
    set.z_up = false;
}

Focus focus_of(const PosedSet& set) {
    // The point with the least sum of squared distances to the axes, with a slight pull towards a
    // point ahead of the cameras, which decides where the axes do not.
    const double n = double(set.pictures.size());
    Vec mean{}, ahead{};
    for (const PosedPicture& p : set.pictures)
        for (size_t a = 0; a < 3; a++)
            mean[a] += p.position()[a] / n, ahead[a] += p.rotation[6 + a] / n;
    double spread = 1e-6;
    for (const PosedPicture& p : set.pictures) {
        const Vec at = p.position();
        spread = std::max(spread, length({at[0] - mean[0], at[1] - mean[1], at[2] - mean[2]}));
    }
    constexpr double kPull = 1e-3;
    Matrix m{};
    Vec right{};
    for (const PosedPicture& p : set.pictures) {
        const Vec at = p.position(), d = row(p.rotation, 2);
        for (size_t i = 0; i < 3; i++)
            for (size_t j = 0; j < 3; j++) {
                const double part = (double(i == j) - d[i] * d[j]) / n;
                m[i * 3 + j] += part;
                right[i] += part * at[j];
            }
    }
    for (size_t i = 0; i < 3; i++) {
        m[i * 3 + i] += kPull;
        right[i] += kPull * (mean[i] + 10 * spread * ahead[i]);
    }
    const auto cofactor = [&](size_t i, size_t j) {
        const size_t a = (i + 1) % 3, b = (i + 2) % 3, c = (j + 1) % 3, d = (j + 2) % 3;
        return m[a * 3 + c] * m[b * 3 + d] - m[a * 3 + d] * m[b * 3 + c];
    };
    const double determinant =
        m[0] * cofactor(0, 0) + m[1] * cofactor(0, 1) + m[2] * cofactor(0, 2);
    Focus focus{};
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) focus.centre[i] += cofactor(j, i) * right[j] / determinant;
    for (const PosedPicture& p : set.pictures) {
        const Vec at = p.position();
        const double away =
            length({at[0] - focus.centre[0], at[1] - focus.centre[1], at[2] - focus.centre[2]});
        const Lens& l = p.lens;
        const double slope = l.angle_x > 0 ? std::tan(l.angle_x / 2)
                             : l.fx > 0    ? 0.5 * l.width / l.fx
                                           : 0.5;
        focus.radius += away * std::min(slope, 2.0) / n;
    }
    return focus;
}

}   // namespace kiln
