#include <cmath>

#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"

namespace kiln::test {
namespace {

enum class Kind { sum, mean, max };

Array reduced(const Array& x, const std::vector<int>& axes, Kind kind) {
    Shape shape = x.shape;
    for (int axis : axes) shape[axis] = 1;
    Array y(shape, [&](const Index&) { return kind == Kind::max ? -INFINITY : 0.0; });
    double share = kind == Kind::mean ? double(shape.count()) / double(x.shape.count()) : 1;
    Array(x.shape, [&](Index i) {
        double v = x(i);
        for (size_t k = 0; k < i.size(); k++) i[k] = shape[int(k)] == 1 ? 0 : i[k];
        y(i) = kind == Kind::max ? std::max(y(i), v) : y(i) + v * share;
        return 0.0;
    });
    return y;
}

}   // namespace

TEST_CASE("reductions match over any axes", "[gpu]") {
    struct {
        Shape shape;
        std::vector<int> axes;
    } rows[] = {{{7}, {0}},
                {{3, 5}, {1}},
                {{3, 8}, {0}},
                {{2, 3, 5, 7}, {1, 3}},
                {{2, 3, 4, 8}, {0, 2}},
                {{2, 5, 12}, {-1}},
                {{3, 4, 4}, {0, 1, 2}},
                {{2, 77, 12}, {1}},
                {{1, 5}, {0}}};
    for (auto& row : rows)
        for (Kind kind : {Kind::sum, Kind::mean, Kind::max})
            check({.name = "reduce" + to_string(row.shape),
                   .inputs = {random_array(row.shape, 1)},
                   .build =
                       [&](auto& x) {
                           Tensor y = kind == Kind::sum    ? sum(x[0], row.axes)
                                      : kind == Kind::mean ? mean(x[0], row.axes)
                                                           : max(x[0], row.axes);
                           return affine(y, 1, 0);
                       },
                   .reference = [&](auto& x) { return reduced(x[0], row.axes, kind); },
                   .half_tolerance = 4e-3});
}

TEST_CASE("long reductions are cut and stay precise", "[gpu]") {
    for (const Shape& shape : {Shape{1, 70001}, Shape{2, 65536}})
        check({.name = "long" + to_string(shape),
               .inputs = {random_array(shape, 2, 0, 1)},
               .build = [](auto& x) { return mean(x[0], {1}); },
               .reference = [](auto& x) { return reduced(x[0], {1}, Kind::mean); },
               .tolerance = 3e-6,
               .gradient = false});
    for (const Shape& shape : {Shape{10007, 4}, Shape{5003, 7}})
        check({.name = "tall" + to_string(shape),
               .inputs = {random_array(shape, 2, 0, 1)},
               .build = [](auto& x) { return mean(x[0], {0}); },
               .reference = [](auto& x) { return reduced(x[0], {0}, Kind::mean); },
               .tolerance = 3e-6,
               .gradient = false});
}

}   // namespace kiln::test
