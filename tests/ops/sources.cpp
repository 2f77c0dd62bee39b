#include <cmath>
#include <cstring>

#include <catch2/catch_test_macros.hpp>

#include "tests/ops/cases.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

Array embedded(const Array& t, int dim, const TimestepOptions& o) {
    int half = dim / 2;
    return Array({t.shape[0], dim}, [&](const Index& i) {
        if (i[1] >= 2 * half) return 0.0;
        double exponent =
            -std::log(double(o.max_period)) * double(i[1] % half) / (half - double(o.shift));
        double angle = t({i[0]}) * double(o.scale) * double(float(std::exp(exponent)));
        return (i[1] < half) == o.flip_sin_to_cos ? std::cos(angle) : std::sin(angle);
    });
}

// Every value of a 16-bit or 8-bit type and many of f32, through a cast and back as f32.
void check_cast(DType from, DType to, const std::string& profile) {
    INFO(name_of(from) << " to " << name_of(to) << " caps '" << profile << "'");
    std::vector<float> values;
    if (from == DType::f32) {
        for (uint32_t i = 0; i < 40000; i++) {
            uint32_t bits =
                i * 107374u + (i % 7 == 0 ? 0xfffu : i % 5);   // all exponents, ties among them
            float value;
            std::memcpy(&value, &bits, 4);
            values.push_back(value);
        }
        for (uint32_t exponent = 90; exponent < 150;
             exponent++)   // halves of the last place, and beside
            for (uint32_t mantissa = 0; mantissa < 128; mantissa++)
                for (uint32_t low : {0u, 0x8000u, 0x1000u, 0x1001u, 0xfffu}) {
                    uint32_t bits = exponent << 23 | mantissa << 16 | low;
                    float value;
                    std::memcpy(&value, &bits, 4);
                    values.push_back(mantissa % 2 ? -value : value);
                }
        values.insert(values.end(), {0.0f, -0.0f, INFINITY, -INFINITY, 65504, 65519.99f, 65520,
                                     1e6f, 448, 464, 480, -500, 57344, 61440});
    } else {
        size_t count = size_of(from) == 2 ? 65536 : 256;
        std::vector<uint16_t> wide(count);
        std::vector<uint8_t> narrow(count);
        for (size_t i = 0; i < count; i++) wide[i] = uint16_t(i), narrow[i] = uint8_t(i);
        values.resize(count);
        to_f32(from, size_of(from) == 2 ? (const void*)wide.data() : narrow.data(), values.data(),
               count);
    }
    values.resize(values.size() - 1);   // a count that is not a multiple of four
    int64_t n = int64_t(values.size());
    Tensor x = input("x", {n}, from);
    Graph graph = take(Graph::compile(test_device(profile), {cast(x, to)}));
    take(graph.write(x, values));
    take(graph.run());
    std::vector<float> actual = take(graph.read());
    size_t wrong = 0;
    for (size_t i = 0; i < values.size(); i++) {
        float stored, expected;
        std::byte bytes[4];
        from_f32(from, &values[i], bytes, 1);
        to_f32(from, bytes, &stored, 1);
        from_f32(to, &stored, bytes, 1);
        to_f32(to, bytes, &expected, 1);
        bool same = std::isnan(expected) ? std::isnan(actual[i])
                                         : std::memcmp(&expected, &actual[i], 4) == 0;
        if (!same && wrong++ == 0)
            UNSCOPED_INFO("first: " << stored << " became " << actual[i] << ", not " << expected);
    }
    CHECK(wrong == 0);
}

}   // namespace

TEST_CASE("casts give the bits of the host's conversions", "[gpu]") {
    const DType types[] = {DType::f32, DType::f16, DType::bf16, DType::f8_e4m3, DType::f8_e5m2};
    for (const char* profile : kProfiles)
        for (DType from : types)
            for (DType to : types)
                if (from != to) check_cast(from, to, profile);
    CHECK(values_of(cast(constant_i32({5}, {0, -1, 7, 16777216, -2147483647}), DType::f32)) ==
          std::vector<float>{0, -1, 7, 16777216, -2147483648.0f});
    CHECK(error_of([] { cast(input("x", {2}), DType::i32); }).find("[cast]") == 0);
}

TEST_CASE("timestep embeddings are as precise as their angles in f32", "[gpu]") {
    for (int dim : {2, 7, 32, 320})
        for (bool flip : {true, false}) {
            TimestepOptions options{.flip_sin_to_cos = flip,
                                    .shift = dim > 4 && flip ? 1.0f : 0.0f};
            check({.name = "timestep_embedding",
                   .inputs = {random_array({5}, 3, 0, 999)},
                   .build = [&](auto& x) { return timestep_embedding(x[0], dim, options); },
                   .reference = [&](auto& x) { return embedded(x[0], dim, options); },
                   .tolerance = 7e-5,
                   .half_tolerance = 1,
                   .gradient_tolerance = 5e-3});
        }
    // t times a frequency rounds in f32, and that is all that is lost.
    std::vector<float> y = values_of(timestep_embedding(constant({4}, {0, 1, 500, 999}), 320));
    Array expected = embedded(Array({4},
                                    [](const Index& i) {
                                        return std::vector<double>{0, 1, 500, 999}[size_t(i[0])];
                                    }),
                              320, {});
    CHECK(difference(y, expected.values, 6e-5) == "");
}

TEST_CASE("normal values are those that torch draws on NVIDIA devices", "[gpu]") {
    const float expected[] = {-0.92466259f, -0.42534415f, -2.6438457f,  0.14518388f,
                              -0.12086647f, -0.57972564f, -0.62285122f, -0.32838709f};
    for (const char* profile : kProfiles) {
        std::vector<float> y = values_of(random_normal({8}, constant_i32({3}, {0, 0, 0})), profile);
        for (size_t i = 0; i < 8; i++) CHECK(std::fabs(y[i] - expected[i]) < 1e-6f);
        std::vector<float> many =
            values_of(random_normal({64, 1001}, constant_i32({3}, {42, 1, 3})), profile);
        double sum = 0, square = 0, fourth = 0;
        for (float v : many) sum += v, square += double(v) * v, fourth += std::pow(double(v), 4);
        double n = double(many.size());
        CHECK(std::fabs(sum / n) < 0.02);
        CHECK(std::fabs(square / n - 1) < 0.03);
        CHECK(std::fabs(fourth / n - 3) < 0.2);
    }
}

TEST_CASE("gather reads rows and scatter_add sums them back", "[gpu]") {
    struct {
        int64_t rows, c;
        Shape indices;
    } rows[] = {{5, 7, {3}}, {11, 8, {2, 5}}, {4, 12, {9}}};
    for (auto& row : rows) {
        std::vector<int32_t> indices;
        for (int64_t i = 0; i < row.indices.count(); i++)
            indices.push_back(int32_t(i * 7 % row.rows));
        indices[1] = -3;   // reads row 0
        auto index = [&](size_t i) { return indices[i] < 0 ? 0 : int64_t(indices[i]); };
        check({.name = "gather",
               .inputs = {random_array({row.rows, row.c}, 5)},
               .build = [](auto& x) { return gather(x[0], x[1]); },
               .reference =
                   [&](auto& x) {
                       Shape shape = row.indices;
                       shape.dims.push_back(row.c);
                       Array y(shape);
                       for (size_t k = 0; k < y.values.size(); k++)
                           y.values[k] = x[0]({index(k / size_t(row.c)), int64_t(k) % row.c});
                       return y;
                   },
               .indices = {indices},
               .index_shapes = {row.indices}});
        int64_t n = row.indices.count();
        check({.name = "scatter_add",
               .inputs = {random_array({n, row.c}, 6)},
               .build = [&](auto& x) { return affine(scatter_add(x[0], x[1], row.rows), 1, 0); },
               .reference =
                   [&](auto& x) {
                       Array y({row.rows, row.c});
                       for (int64_t i = 0; i < n; i++)
                           for (int64_t k = 0; k < row.c; k++)
                               y({index(size_t(i)), k}) += x[0]({i, k});
                       return y;
                   },
               .half_tolerance = 4e-3,
               .indices = {indices},
               .index_shapes = {{n}}});
    }
}

}   // namespace kiln::test
