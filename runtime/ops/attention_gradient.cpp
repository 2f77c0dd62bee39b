// Scores are computed again, some queries at a time, and never lie in memory as a whole: once for
// the gradient by these queries, and once for their share of those by keys and values.
// Dao et al. FlashAttention. 2022, appendix B.2.
#include "runtime/ops/attention_gradient.h"

#include <algorithm>

namespace kiln {
namespace {

// Of some queries, [n, heads, queries, keys].
struct Scores {
    Tensor weights;   // after the softmax
    Tensor d;         // by what the softmax was of
};

struct Queries {
    Tensor q, y, d;

    Queries part(int64_t begin, int64_t end) const {
        return {slice(q, 2, begin, end), slice(y, 2, begin, end), slice(d, 2, begin, end)};
    }
    Scores scores(const Tensor& k, const Tensor& v, float scale) const {
        const Tensor weights = softmax(matmul(q, k, {.transpose_b = true}) * scale);
        const Tensor by_weights = matmul(d, v, {.transpose_b = true});
        return {weights, (by_weights - sum(d * y, {-1})) * weights * scale};
    }
};

Tensor by_keys(const Queries& some, const Scores& scores) {
    return matmul(scores.d, some.q, {.transpose_a = true});
}

Tensor by_values(const Queries& some, const Scores& scores) {
    return matmul(scores.weights, some.d, {.transpose_a = true});
}

}   // namespace

AttentionGradient attention_gradient(const AttentionGradient& of, const Tensor& y, const Tensor& d,
                                     float scale, int64_t scores) {
    const auto& [q, k, v] = of;
    const Queries all{q, y, d};
    const int64_t queries = q[2], at_once = std::max<int64_t>(1, scores / (q[0] * q[1] * k[2]));
    if (queries <= at_once) {
        const Scores s = all.scores(k, v, scale);
        return {matmul(s.d, k), by_keys(all, s), by_values(all, s)};
    }
    std::vector<Tensor> by_queries;
    Tensor by_both;
    for (int64_t begin = 0; begin < queries; begin += at_once) {
        const Queries some = all.part(begin, std::min(begin + at_once, queries));
        by_queries.push_back(matmul(some.scores(k, v, scale).d, k));
        // Side by side, so that what is needed of these scores is done before the next ones.
        const Scores s = some.scores(k, v, scale);
        const Tensor both = concat({by_keys(some, s), by_values(some, s)}, -1);
        by_both = by_both ? by_both + both : both;
    }
    return {concat(by_queries, 2), slice(by_both, -1, 0, k[3]), slice(by_both, -1, k[3], 2 * k[3])};
}

}   // namespace kiln
