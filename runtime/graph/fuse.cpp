#include "runtime/graph/fuse.h"

#include <unordered_set>

#include "runtime/graph/node.h"
#include "runtime/graph/order.h"

namespace kiln {

static Tensor with_node(const Tensor& t, std::shared_ptr<const Node> node) {
    Tensor::Value value = t.value();
    value.node = std::move(node);
    return Tensor(std::move(value));
}

// Whether only input i changed: then the others may still be absorbed.
static bool same_but(const Node& a, const Node& b, size_t i) {
    if (a.inputs.size() != b.inputs.size()) return false;
    for (size_t j = 0; j < a.inputs.size(); j++)
        if (j != i && a.inputs[j].id() != b.inputs[j].id()) return false;
    return true;
}

std::vector<Tensor> fuse(const std::vector<Tensor>& outputs) {
    std::vector<Tensor> order = topological_order(outputs);
    auto users = count_users(order);
    std::unordered_set<const void*> kept;
    for (const Tensor& output : outputs) kept.insert(output.id());

    std::unordered_map<const void*, Tensor> rewritten;
    auto rewrite = [&](const Tensor& t) -> Tensor {
        if (t.kind() != Tensor::Kind::computed) return t;
        const Node& old = *t.value().node;
        Node made{old.op, {}};
        for (const Tensor& input : old.inputs)
            made.inputs.push_back(input ? rewritten.at(input.id()) : Tensor());
        auto node = std::make_shared<const Node>(std::move(made));
        for (size_t i = 0; i < old.inputs.size(); i++) {
            const Tensor& before = old.inputs[i];
            if (!before || users[before.id()] != 1 || kept.count(before.id())) continue;
            const Tensor& producer = node->inputs[i];
            if (producer.kind() != Tensor::Kind::computed) continue;
            const Node& self = *producer.value().node;
            auto fused = self.op->absorb(self, producer, *node, with_node(t, node));
            if (!fused) continue;
            if (!same_but(*node, *fused, i)) return with_node(t, fused);
            node = fused;
        }
        return with_node(t, node);
    };
    for (const Tensor& t : order) rewritten.emplace(t.id(), rewrite(t));

    std::vector<Tensor> result;
    for (const Tensor& output : outputs) result.push_back(rewritten.at(output.id()));
    return result;
}

}   // namespace kiln
