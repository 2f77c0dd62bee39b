#include "runtime/ops/gradient.h"

#include <unordered_map>
#include <unordered_set>

#include "runtime/base/check.h"
#include "runtime/graph/node.h"
#include "runtime/graph/order.h"
#include "runtime/ops/ops.h"

namespace kiln {

static std::vector<Tensor> differentiate(const Tensor& y, const Tensor& d_y,
                                         const std::vector<Tensor>& wrt, bool stop_at_wrt);

static Tensor zeros_like(const Tensor& t) {
    return broadcast_to(constant(Shape{1}, {0.0f}), t.shape());
}

// What an operator says of its inputs, from its own vjp or through the composition it stands for.
static std::vector<Tensor> input_gradients(const Tensor& t, const Tensor& d) {
    const Node& node = *t.value().node;
    std::vector<Tensor> grads = node.op->vjp(node, t, d);
    if (!grads.empty()) {
        ensure(grads.size() == node.inputs.size(), "a gradient entry for every input");
        return grads;
    }
    Tensor composed = node.op->composition(node);
    if (!composed) model_error(node.op->name(), "has no gradient", {t});
    std::vector<Tensor> present;   // each once: its gradient is that of all places where it stands
    std::vector<size_t> places;
    std::unordered_set<const void*> seen;
    for (size_t i = 0; i < node.inputs.size(); i++) {
        const Tensor& input = node.inputs[i];
        if (!input || !is_float(input.dtype()) || !seen.insert(input.id()).second) continue;
        present.push_back(input);
        places.push_back(i);
    }
    std::vector<Tensor> found = differentiate(composed, d, present, true);
    grads.resize(node.inputs.size());
    for (size_t i = 0; i < places.size(); i++) grads[places[i]] = found[i];
    return grads;
}

// The tensors of `order` that at least one of `wrt` is an input of, near or far.
static std::unordered_set<const void*> dependents(const std::vector<Tensor>& order,
                                                  const std::vector<Tensor>& wrt) {
    std::unordered_set<const void*> wanted, result;
    for (const Tensor& w : wrt) wanted.insert(w.id());
    for (const Tensor& t : order)
        if (const Node* node = t.value().node.get())
            for (const Tensor& input : node->inputs)
                if (input && (wanted.count(input.id()) || result.count(input.id())))
                    result.insert(t.id());
    return result;
}

// With `stop_at_wrt`, the partial derivatives in which each of `wrt` is held fixed for the others.
static std::vector<Tensor> differentiate(const Tensor& y, const Tensor& d_y,
                                         const std::vector<Tensor>& wrt, bool stop_at_wrt) {
    std::vector<Tensor> order = topological_order({y});
    std::unordered_set<const void*> wanted, inner = dependents(order, wrt);
    for (const Tensor& w : wrt) wanted.insert(w.id());

    std::unordered_map<const void*, Tensor> grads{{y.id(), d_y}};
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
        const Tensor& t = *it;
        if (!grads.count(t.id()) || !inner.count(t.id()) || (stop_at_wrt && wanted.count(t.id())))
            continue;
        const Node& node = *t.value().node;
        std::vector<Tensor> inputs = input_gradients(t, grads.at(t.id()));
        for (size_t i = 0; i < inputs.size(); i++) {
            const Tensor& input = node.inputs[i];
            if (!input || !inputs[i] || !(inner.count(input.id()) || wanted.count(input.id())))
                continue;
            Tensor& total = grads[input.id()];
            total = total ? add(total, inputs[i]) : inputs[i];
        }
    }

    std::vector<Tensor> result;
    for (const Tensor& w : wrt) {
        auto found = grads.find(w.id());
        result.push_back(found != grads.end() ? found->second : zeros_like(w));
    }
    return result;
}

std::vector<Tensor> gradient(const Tensor& y, const Tensor& d_y, const std::vector<Tensor>& wrt) {
    if (d_y.shape() != y.shape())
        model_error("gradient", "the cotangent has the shape of y", {y, d_y});
    return differentiate(y, d_y, wrt, false);
}

}   // namespace kiln
