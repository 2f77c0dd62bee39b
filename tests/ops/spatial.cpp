#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"

namespace kiln::test {
namespace {

Array nearest(const Array& x, int64_t h, int64_t w) {
    return Array({x.shape[0], h, w, x.shape[3]}, [&](Index i) {
        i[1] = int64_t(std::floor(float(i[1]) * (float(x.shape[1]) / float(h))));
        i[2] = int64_t(std::floor(float(i[2]) * (float(x.shape[2]) / float(w))));
        return x(i);
    });
}

Array bilinear(const Array& x, int64_t h, int64_t w, bool aligned) {
    auto source = [&](int64_t i, int64_t in, int64_t out) {
        if (aligned) return out > 1 ? double(i) * double(in - 1) / double(out - 1) : 0.0;
        return std::max((double(i) + 0.5) * double(in) / double(out) - 0.5, 0.0);
    };
    return Array({x.shape[0], h, w, x.shape[3]}, [&](const Index& i) {
        double fy = source(i[1], x.shape[1], h), fx = source(i[2], x.shape[2], w), sum = 0;
        for (int64_t dy : {0, 1})
            for (int64_t dx : {0, 1}) {
                int64_t y = int64_t(fy), c = int64_t(fx);
                double weight = (dy ? fy - double(y) : 1 - fy + double(y)) *
                                (dx ? fx - double(c) : 1 - fx + double(c));
                sum += weight * x({i[0], std::min(y + dy, x.shape[1] - 1),
                                   std::min(c + dx, x.shape[2] - 1), i[3]});
            }
        return sum;
    });
}

Array pooled(const Array& x, const PoolOptions& o, bool maximum) {
    int64_t h = (x.shape[1] + 2 * o.pad[0] - o.kernel[0]) / o.stride[0] + 1;
    int64_t w = (x.shape[2] + 2 * o.pad[1] - o.kernel[1]) / o.stride[1] + 1;
    return Array({x.shape[0], h, w, x.shape[3]}, [&](const Index& i) {
        double sum = 0, top = -INFINITY;
        for (int64_t r = 0; r < o.kernel[0]; r++)
            for (int64_t s = 0; s < o.kernel[1]; s++) {
                int64_t y = i[1] * o.stride[0] - o.pad[0] + r,
                        c = i[2] * o.stride[1] - o.pad[1] + s;
                if (y < 0 || c < 0 || y >= x.shape[1] || c >= x.shape[2]) continue;
                sum += x({i[0], y, c, i[3]});
                top = std::max(top, x({i[0], y, c, i[3]}));
            }
        return maximum ? top : sum / double(o.kernel[0] * o.kernel[1]);
    });
}

}   // namespace

TEST_CASE("resizing matches its definition at any ratio", "[gpu]") {
    struct {
        Shape shape;
        int64_t h, w;
    } rows[] = {{{2, 3, 5, 4}, 6, 10},
                {{1, 5, 4, 3}, 7, 9},
                {{2, 7, 6, 8}, 3, 4},
                {{1, 1, 1, 5}, 3, 2},
                {{1, 8, 8, 12}, 16, 16}};
    for (auto& row : rows) {
        std::vector<Array> inputs{random_array(row.shape, 1)};
        std::string name = to_string(row.shape);
        check({.name = "nearest" + name,
               .inputs = inputs,
               .build = [&](auto& x) { return upsample_nearest(x[0], row.h, row.w); },
               .reference = [&](auto& x) { return nearest(x[0], row.h, row.w); }});
        for (bool aligned : {false, true})
            check({.name = "bilinear" + name,
                   .inputs = inputs,
                   .build = [&](auto& x) { return upsample_bilinear(x[0], row.h, row.w, aligned); },
                   .reference = [&](auto& x) { return bilinear(x[0], row.h, row.w, aligned); }});
    }
}

TEST_CASE("pooling takes the mean or maximum of windows", "[gpu]") {
    struct {
        Shape shape;
        PoolOptions options;
    } rows[] = {{{2, 6, 8, 4}, {}},
                {{1, 7, 9, 3}, {{3, 3}, {2, 2}, {1, 1}}},
                {{2, 5, 7, 8}, {{3, 2}, {1, 2}, {0, 1}}},
                {{1, 8, 8, 12}, {{4, 4}, {4, 4}, {0, 0}}}};
    for (auto& row : rows)
        for (bool maximum : {false, true})
            check({.name = (maximum ? "max_pool" : "avg_pool") + to_string(row.shape),
                   .inputs = {random_array(row.shape, 2)},
                   .build =
                       [&](auto& x) {
                           return maximum ? max_pool(x[0], row.options)
                                          : avg_pool(x[0], row.options);
                       },
                   .reference = [&](auto& x) { return pooled(x[0], row.options, maximum); }});
}

}   // namespace kiln::test
