// Cases of attention, their double reference, and a check of every variant against it.
#pragma once
#include "runtime/ops/attention_variants.h"
#include "tests/ops/products.h"
#include "tests/support/retuned.h"

namespace kiln::test {

struct Case {
    std::string name;
    int64_t images, queries, keys;
    int heads, width;
    bool causal = false;
    Shape bias;
};

inline Doubles reference(const Case& c, const Doubles& q, const Doubles& k, const Doubles& v,
                         const Doubles& bias) {
    int64_t line = c.heads * c.width;
    Doubles y(q.size());
    for (int64_t n = 0; n < c.images; n++)
        for (int64_t h = 0; h < c.heads; h++)
            for (int64_t s = 0; s < c.queries; s++) {
                const double* left = &q[(n * c.queries + s) * line + h * c.width];
                int64_t end = c.causal ? std::min(c.keys, s + 1) : c.keys;
                double total = 0;
                Doubles weights;
                for (int64_t t = 0; t < end; t++) {
                    double score = 0;
                    for (int64_t d = 0; d < c.width; d++)
                        score += left[d] * k[(n * c.keys + t) * line + h * c.width + d];
                    score /= std::sqrt(double(c.width));
                    if (!bias.empty()) {
                        int64_t in = c.bias[0] == 1 ? 0 : n, ih = c.bias[1] == 1 ? 0 : h;
                        score += bias[((in * c.bias[1] + ih) * c.queries + s) * c.keys + t];
                    }
                    weights.push_back(std::exp(score));
                    total += weights.back();
                }
                for (int64_t t = 0; t < end; t++)
                    for (int64_t d = 0; d < c.width; d++)
                        y[(n * c.queries + s) * line + h * c.width + d] +=
                            weights[t] / total * v[(n * c.keys + t) * line + h * c.width + d];
            }
    return y;
}

struct Inputs {
    std::vector<float> q, k, v, bias;
    explicit Inputs(const Case& c)
        : q(fractions(c.images * c.queries * c.heads * c.width, 1)),
          k(fractions(c.images * c.keys * c.heads * c.width, 2)),
          v(fractions(c.images * c.keys * c.heads * c.width, 3)) {
        if (c.bias.rank()) bias = fractions(c.bias.count(), 4);
    }
};

// What tells the variants of attention apart.
inline AttentionWork work_of(const Case& c, DType dtype) {
    Operand any{.slot = 0, .offset = 0, .size = 16, .dtype = dtype};
    return {.q = any,
            .k = any,
            .v = any,
            .y = any,
            .queries = c.queries,
            .keys = c.keys,
            .heads = c.heads,
            .width = c.width};
}

// Forces each variant of the families whose names begin so; the number of those that were.
inline size_t check_variants(const std::shared_ptr<Device>& device, const Case& c, DType dtype,
                             std::string_view family = "") {
    Inputs in(c);
    Shape rows{c.images, c.queries, c.heads * c.width}, columns{c.images, c.keys, rows[2]};
    Tensor bias = in.bias.empty() ? Tensor() : operand(*device, c.bias, in.bias, dtype);
    Tensor y = attention(
        operand(*device, rows, in.q, dtype), operand(*device, columns, in.k, dtype),
        operand(*device, columns, in.v, dtype), {.heads = c.heads, .causal = c.causal}, bias);
    Doubles expected = reference(c, doubles(in.q), doubles(in.k), doubles(in.v), doubles(in.bias));
    size_t checked = 0;
    for (const AttentionVariant& variant : attention_variants(device->caps(), work_of(c, dtype))) {
        if (!variant.family->name.starts_with(family)) continue;
        INFO(device->caps().profile << ": " << variant.name() << ", " << c.name << " " << c.width
                                    << " " << name_of(dtype));
        Retuned retuned(device, Tuning::only(variant.name()));
        CHECK(difference(values_of(device, y), expected) < (dtype == DType::f32   ? 2e-6
                                                            : dtype == DType::f16 ? 1e-3
                                                                                  : 8e-3));
        checked++;
    }
    check_silent(*device);
    return checked;
}

}   // namespace kiln::test
