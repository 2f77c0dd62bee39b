#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"

namespace kiln::test {
namespace {

Array permuted(const Array& x, const std::vector<int>& order) {
    Shape shape;
    for (int axis : order) shape.dims.push_back(x.shape[axis]);
    return Array(shape, [&](const Index& i) {
        Index from(i.size());
        for (size_t k = 0; k < i.size(); k++) from[size_t(order[k])] = i[k];
        return x(from);
    });
}

Array sliced(const Array& x, int axis, int64_t begin, int64_t end, int64_t stride) {
    Shape shape = x.shape;
    shape[axis] = (end - begin + stride - 1) / stride;
    return Array(shape, [&](Index i) {
        i[size_t(axis)] = begin + i[size_t(axis)] * stride;
        return x(i);
    });
}

Array joined(const std::vector<Array>& parts, int axis) {
    Shape shape = parts[0].shape;
    shape[axis] = 0;
    for (const Array& part : parts) shape[axis] += part.shape[axis];
    return Array(shape, [&](Index i) {
        size_t k = 0;
        for (; i[size_t(axis)] >= parts[k].shape[axis]; k++)
            i[size_t(axis)] -= parts[k].shape[axis];
        return parts[k](i);
    });
}

Array padded(const Array& x, const std::vector<std::pair<int, int>>& amounts, PadMode mode) {
    Shape shape = x.shape;
    for (int i = 0; i < shape.rank(); i++)
        shape[i] += amounts[size_t(i)].first + amounts[size_t(i)].second;
    return Array(shape, [&](Index i) {
        bool inside = true;
        for (size_t k = 0; k < i.size(); k++) {
            int64_t extent = x.shape[int(k)];
            i[k] -= amounts[k].first;
            if (mode == PadMode::reflect && i[k] < 0) i[k] = -i[k];
            if (mode == PadMode::reflect && i[k] >= extent) i[k] = 2 * (extent - 1) - i[k];
            inside = inside && i[k] >= 0 && i[k] < extent;
        }
        return inside ? x(i) : 0.0;
    });
}

}   // namespace

TEST_CASE("reshape keeps the order of elements and costs no launch", "[gpu]") {
    check({.name = "reshape",
           .inputs = {random_array({3, 4, 5}, 1)},
           .build =
               [](auto& x) {
                   return affine(reshape(x[0], {2, -1, 6}), 1, 0);
               },
           .reference =
               [](auto& x) {
                   Array y = x[0];
                   y.shape = {2, 5, 6};
                   return y;
               }});
    CHECK(error_of([] { reshape(input("x", {2, 3}), {4, -1}); }).find("[reshape]") == 0);
    CHECK(error_of([] { reshape(input("x", {2, 3}), {-1, -1}); }).find("[reshape]") == 0);
}

TEST_CASE("permute moves every element", "[gpu]") {
    struct {
        Shape shape;
        std::vector<int> order;
    } rows[] = {{{3, 5}, {1, 0}},
                {{2, 3, 4}, {1, 0, 2}},
                {{2, 4, 8}, {0, 2, 1}},
                {{2, 3, 5, 7}, {3, 1, 0, 2}},
                {{2, 3, 2, 3, 4}, {0, 2, 1, 4, 3}},
                {{2, 3, 4, 2, 3, 4}, {5, 4, 3, 2, 1, 0}},
                {{1, 6, 8}, {1, 0, 2}}};
    for (auto& row : rows)
        check({.name = "permute" + to_string(row.shape),
               .inputs = {random_array(row.shape, 2)},
               .build = [&](auto& x) { return affine(permute(x[0], row.order), 1, 0); },
               .reference = [&](auto& x) { return permuted(x[0], row.order); }});
    check({.name = "transpose",
           .inputs = {random_array({2, 5, 12}, 2)},
           .build = [](auto& x) { return transpose(x[0]); },
           .reference =
               [](auto& x) {
                   return permuted(x[0], {0, 2, 1});
               }});
}

TEST_CASE("slices take every stride-th part of an axis", "[gpu]") {
    struct {
        Shape shape;
        int axis;
        int64_t begin, end, stride;
    } rows[] = {{{7, 4}, 0, 2, 5, 1},     {{3, 11}, 1, 1, 11, 3},  {{2, 5, 12}, 2, 4, 12, 1},
                {{2, 5, 12}, 2, 1, 9, 1}, {{2, 9, 8}, 1, 1, 8, 2}, {{2, 3, 8}, 2, 7, 8, 1},
                {{4, 3, 8}, 0, 1, 2, 1}};
    for (auto& row : rows)
        check(
            {.name = "slice" + to_string(row.shape),
             .inputs = {random_array(row.shape, 3)},
             .build =
                 [&](auto& x) { return slice(x[0], row.axis, row.begin, row.end, row.stride); },
             .reference =
                 [&](auto& x) { return sliced(x[0], row.axis, row.begin, row.end, row.stride); }});
    CHECK(error_of([] { slice(input("x", {2, 3}), 1, 2, 2); }).find("[slice]") == 0);
    std::vector<Tensor> parts = split(input("x", {2, 6}), 3);
    CHECK(parts.size() == 3);
    CHECK(parts[2].shape() == Shape{2, 2});
}

TEST_CASE("concat lays parts side by side along any axis", "[gpu]") {
    struct {
        std::vector<Shape> shapes;
        int axis;
    } rows[] = {{{{3, 4}, {2, 4}}, 0},
                {{{3, 4}, {3, 8}, {3, 12}}, 1},
                {{{2, 3}, {2, 5}}, -1},
                {{{2, 3, 8}, {2, 1, 8}}, 1},
                {{{2, 3, 5, 4}, {2, 3, 5, 8}}, 3}};
    for (auto& row : rows) {
        OpCase test{.name = "concat",
                    .build = [&](auto& x) { return concat(x, row.axis); },
                    .reference =
                        [&](auto& x) {
                            return joined(x, (row.axis + x[0].shape.rank()) % x[0].shape.rank());
                        }};
        for (const Shape& shape : row.shapes)
            test.inputs.push_back(random_array(shape, uint32_t(test.inputs.size())));
        check(test);
    }
    CHECK(error_of([] {
              concat({input("a", {2, 3}), input("b", {3, 3})}, 1);
          }).find("[concat]") == 0);
}

TEST_CASE("pad surrounds with zeros or the mirror image", "[gpu]") {
    struct {
        Shape shape;
        std::vector<std::pair<int, int>> amounts;
    } rows[] = {{{5}, {{2, 3}}},
                {{3, 8}, {{1, 0}, {0, 0}}},
                {{2, 4, 5, 4}, {{0, 0}, {1, 2}, {3, 1}, {0, 0}}},
                {{2, 3, 7}, {{1, 1}, {0, 2}, {2, 3}}}};
    for (auto& row : rows)
        for (PadMode mode : {PadMode::zero, PadMode::reflect})
            check({.name = "pad" + to_string(row.shape),
                   .inputs = {random_array(row.shape, 4)},
                   .build = [&](auto& x) { return pad(x[0], row.amounts, mode); },
                   .reference = [&](auto& x) { return padded(x[0], row.amounts, mode); }});
    CHECK(error_of([] { pad(input("x", {3}), {{3, 0}}, PadMode::reflect); }).find("[pad]") == 0);
}

TEST_CASE("broadcast_to repeats axes of extent one", "[gpu]") {
    struct {
        Shape from, to;
    } rows[] = {
        {{1}, {3, 5}}, {{3, 1}, {3, 8}}, {{4, 1, 4}, {2, 4, 3, 4}}, {{2, 1, 3, 1}, {2, 4, 3, 5}}};
    for (auto& row : rows)
        check({.name = "broadcast" + to_string(row.from),
               .inputs = {random_array(row.from, 5)},
               .build = [&](auto& x) { return broadcast_to(x[0], row.to); },
               .reference =
                   [&](auto& x) {
                       return Array(row.to, [&](const Index& i) { return x[0].broadcast(i); });
                   }});
}

}   // namespace kiln::test
