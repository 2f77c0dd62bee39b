// Spherical harmonics of a degree turn among themselves: the coefficients after a rotation are
// those that give the old values at the directions turned back. Source: Green. Spherical Harmonic
// Lighting: The Gritty Details. 2003, "Rotating Spherical Harmonics"; here the matrix of each
// degree is found from 2 l + 1 directions instead of a formula.
#include "modalities/splat/assets/transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kiln {
namespace {

constexpr int kMost = 2 * kMaxShDegree + 1;
using Matrix = std::array<std::array<double, kMost>, kMost>;

// a becomes the solution x of a x = b, column by column, with n rows each.
void solve(Matrix& a, Matrix& b, int n) {
    for (int c = 0; c < n; c++) {
        int pivot = c;
        for (int r = c; r < n; r++)
            if (std::abs(a[size_t(r)][size_t(c)]) > std::abs(a[size_t(pivot)][size_t(c)]))
                pivot = r;
        std::swap(a[size_t(c)], a[size_t(pivot)]), std::swap(b[size_t(c)], b[size_t(pivot)]);
        for (int r = 0; r < n; r++) {
            if (r == c) continue;
            const double f = a[size_t(r)][size_t(c)] / a[size_t(c)][size_t(c)];
            for (int k = 0; k < n; k++) {
                a[size_t(r)][size_t(k)] -= f * a[size_t(c)][size_t(k)];
                b[size_t(r)][size_t(k)] -= f * b[size_t(c)][size_t(k)];
            }
        }
    }
    for (int r = 0; r < n; r++)
        for (int k = 0; k < n; k++) b[size_t(r)][size_t(k)] /= a[size_t(r)][size_t(r)];
}

// Coefficients of degree l after a turn: matrix times those before.
Matrix sh_turn(const std::array<double, 9>& turn, int l) {
    const int n = 2 * l + 1;
    Matrix after{}, before{};
    for (int i = 0; i < n; i++) {
        // Directions on a spiral from pole to pole, no two of them opposite.
        const double z = 1 - (2.0 * i + 1) / n * 0.9, r = std::sqrt(1 - z * z), a = 2.4 * i + 0.3;
        const double d[3] = {r * std::cos(a), r * std::sin(a), z};
        double back[3], y[16];
        for (size_t c = 0; c < 3; c++)
            back[c] = turn[c] * d[0] + turn[3 + c] * d[1] + turn[6 + c] * d[2];
        sh_basis(d, l, y);
        for (int k = 0; k < n; k++) after[size_t(i)][size_t(k)] = y[l * l + k];
        sh_basis(back, l, y);
        for (int k = 0; k < n; k++) before[size_t(i)][size_t(k)] = y[l * l + k];
    }
    solve(after, before, n);
    return before;
}

// A unit quaternion w x y z of a rotation (Shepperd. Quaternion from Rotation Matrix. 1978).
std::array<double, 4> quaternion_of(const std::array<double, 9>& m) {
    const double trace = m[0] + m[4] + m[8];
    const double four[4] = {1 + trace, 1 + 2 * m[0] - trace, 1 + 2 * m[4] - trace,
                            1 + 2 * m[8] - trace};
    const int k = int(std::max_element(four, four + 4) - four);
    const double w = m[7] - m[5], x = m[2] - m[6], y = m[3] - m[1];
    const double xy = m[1] + m[3], xz = m[2] + m[6], yz = m[5] + m[7];
    const double rows[4][4] = {
        {four[0], w, x, y}, {w, four[1], xy, xz}, {x, xy, four[2], yz}, {y, xz, yz, four[3]}};
    const double f = 0.5 / std::sqrt(four[k]);
    return {rows[k][0] * f, rows[k][1] * f, rows[k][2] * f, rows[k][3] * f};
}

void turn_quaternion(const std::array<double, 4>& t, float* q) {
    const double w = q[0], x = q[1], y = q[2], z = q[3];
    q[0] = float(t[0] * w - t[1] * x - t[2] * y - t[3] * z);
    q[1] = float(t[0] * x + t[1] * w + t[2] * z - t[3] * y);
    q[2] = float(t[0] * y - t[1] * z + t[2] * w + t[3] * x);
    q[3] = float(t[0] * z + t[1] * y - t[2] * x + t[3] * w);
}

void turn_harmonics(Splats& s, const std::array<double, 9>& turn) {
    const size_t k = size_t(sh_count(s.sh_degree));
    for (int l = 1; l <= s.sh_degree; l++) {
        const Matrix m = sh_turn(turn, l);
        const size_t n = size_t(2 * l + 1), first = size_t(l * l);
        for (size_t i = 0; i < s.size(); i++)
            for (size_t c = 0; c < 3; c++) {
                float* at = &s.sh[(i * k + first) * 3 + c];
                double old[kMost];
                for (size_t j = 0; j < n; j++) old[j] = at[j * 3];
                for (size_t r = 0; r < n; r++) {
                    double sum = 0;
                    for (size_t j = 0; j < n; j++) sum += m[r][j] * old[j];
                    at[r * 3] = float(sum);
                }
            }
    }
}

}   // namespace

void sh_basis(const double d[3], int degree, double* v) {
    const double x = d[0], y = d[1], z = d[2], xx = x * x, yy = y * y, zz = z * z;
    v[0] = kShDc;
    if (degree < 1) return;
    constexpr double c1 = 0.4886025119029199;
    v[1] = -c1 * y, v[2] = c1 * z, v[3] = -c1 * x;
    if (degree < 2) return;
    constexpr double a = 1.0925484305920792;
    v[4] = a * x * y, v[5] = -a * y * z, v[7] = -a * x * z, v[8] = a / 2 * (xx - yy);
    v[6] = 0.31539156525252005 * (2 * zz - xx - yy);
    if (degree < 3) return;
    constexpr double p = -0.5900435899266435, r = -0.4570457994644658;
    v[9] = p * y * (3 * xx - yy), v[15] = p * x * (xx - 3 * yy);
    v[10] = 2.890611442640554 * x * y * z, v[14] = 1.445305721320277 * z * (xx - yy);
    v[11] = r * y * (4 * zz - xx - yy), v[13] = r * x * (4 * zz - xx - yy);
    v[12] = 0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy);
}

void transform(Splats& s, const Similarity& by) {
    const auto& t = by.turn;
    for (size_t i = 0; i < s.size(); i++) {
        float* m = &s.means[i * 3];
        const double x = m[0], y = m[1], z = m[2];
        for (size_t r = 0; r < 3; r++)
            m[r] =
                float(by.scale * (t[r * 3] * x + t[r * 3 + 1] * y + t[r * 3 + 2] * z) + by.move[r]);
    }
    const float grow = float(std::log(by.scale));
    for (float& scale : s.log_scales) scale += grow;
    // An ellipsoid is its own image in its centre, so a mirroring turns it as its opposite does.
    const double det = t[0] * (t[4] * t[8] - t[5] * t[7]) - t[1] * (t[3] * t[8] - t[5] * t[6]) +
                       t[2] * (t[3] * t[7] - t[4] * t[6]);
    std::array<double, 9> proper = t;
    for (double& v : proper) v = det < 0 ? -v : v;
    const auto q = quaternion_of(proper);
    for (size_t i = 0; i < s.size(); i++) turn_quaternion(q, &s.quaternions[i * 4]);
    turn_harmonics(s, t);
}

// The harmonics of a cloud with another number of them, the same as far as both go.
static std::vector<float> harmonics_at(const Splats& s, int degree) {
    const size_t old = size_t(sh_count(s.sh_degree)) * 3, now = size_t(sh_count(degree)) * 3;
    std::vector<float> sh(s.size() * now);
    for (size_t i = 0; i < s.size(); i++)
        std::copy_n(s.sh.begin() + ptrdiff_t(i * old), std::min(old, now),
                    sh.begin() + ptrdiff_t(i * now));
    return sh;
}

void limit_degree(Splats& s, int degree) {
    if (s.sh_degree <= degree) return;
    s.sh = harmonics_at(s, degree);
    s.sh_degree = degree;
}

void append(Splats& to, const Splats& more) {
    const int degree = std::max(to.sh_degree, more.sh_degree);
    if (to.sh_degree < degree) to.sh = harmonics_at(to, degree);
    to.sh_degree = degree;
    const auto join = [](std::vector<float>& a, const std::vector<float>& b) {
        a.insert(a.end(), b.begin(), b.end());
    };
    join(to.means, more.means), join(to.log_scales, more.log_scales);
    join(to.quaternions, more.quaternions), join(to.logits, more.logits);
    join(to.sh, more.sh_degree < degree ? harmonics_at(more, degree) : more.sh);
    to.antialiased = to.antialiased || more.antialiased;
}

}   // namespace kiln
