#include "runtime/ops/pullback.h"

#include <unordered_map>
#include <unordered_set>

#include "runtime/graph/fuse.h"
#include "runtime/graph/node.h"
#include "runtime/graph/order.h"
#include "runtime/ops/gradient.h"

namespace kiln {
namespace {

using Ids = std::unordered_set<const void*>;

bool is_view(const Tensor& t) { return t.value().node && t.value().node->op->is_view(); }

// The tensors of the forward pass at which the backward pass, coming from `gradients`, stops. Views
// have no memory of their own: what they look at is kept.
std::vector<Tensor> kept_tensors(const std::vector<Tensor>& gradients, const Ids& forward,
                                 const std::function<bool(const Tensor&)>& again) {
    const std::vector<Tensor> order = topological_order(gradients);
    Ids read;
    std::vector<Tensor> kept;
    for (const Tensor& gradient : gradients) read.insert(gradient.id());
    for (auto t = order.rbegin(); t != order.rend(); ++t) {
        if (!read.count(t->id()) || t->kind() != Tensor::Kind::computed) continue;
        if (forward.count(t->id()) && !is_view(*t) && !(again && again(*t))) {
            kept.push_back(*t);
            continue;
        }
        for (const Tensor& input : t->value().node->inputs)
            if (input) read.insert(input.id());
    }
    return kept;
}

using Leaves = std::unordered_map<const void*, Tensor>;
using Memory = std::unordered_map<const void*, Buffer>;

// `tensors` over other inputs: a leaf stands for what it is filed under. What has memory of its own
// is put there.
std::vector<Tensor> rebuilt(const std::vector<Tensor>& tensors, Leaves known,
                            const Memory& memory) {
    for (const Tensor& t : topological_order(tensors)) {
        if (t.kind() != Tensor::Kind::computed) known.emplace(t.id(), t);
        if (known.count(t.id())) continue;
        Tensor::Value value = t.value();
        Node node{value.node->op, {}};
        for (const Tensor& input : value.node->inputs)
            node.inputs.push_back(input ? known.at(input.id()) : Tensor());
        value.node = std::make_shared<const Node>(std::move(node));
        if (auto found = memory.find(t.id()); found != memory.end()) value.storage = found->second;
        known.emplace(t.id(), Tensor(std::move(value)));
    }
    std::vector<Tensor> result;
    for (const Tensor& t : tensors) result.push_back(known.at(t.id()));
    return result;
}

}   // namespace

Result<Pullback> pullback(Device& device, const Tensor& y, const std::vector<Tensor>& wrt,
                          const std::function<bool(const Tensor&)>& again) {
    // Operators that stand for several ask for less of the forward pass than those do one by one.
    const std::vector<Tensor> fused = fuse({y});
    Pullback result;
    result.d_y = input("cotangent", y.shape(), y.dtype());
    const std::vector<Tensor> gradients = gradient(fused[0], result.d_y, wrt);

    Ids forward;
    for (const Tensor& t : topological_order(fused)) forward.insert(t.id());
    std::vector<Tensor> outputs = fused;
    Memory memory;
    Leaves leaves;
    for (const Tensor& t : kept_tensors(gradients, forward, again)) {
        const uint64_t bytes = (t.bytes() + 15) / 16 * 16;
        auto buffer = device.allocate(bytes, Intent::device);
        if (!buffer) return buffer.error();
        result.kept_bytes += bytes;
        memory.emplace(t.id(), *buffer);
        leaves.emplace(t.id(), parameter(t.path(), t.shape(), t.dtype(), *buffer));
        outputs.push_back(t);
    }
    result.forward = rebuilt(outputs, {}, memory);
    result.backward = rebuilt(gradients, std::move(leaves), {});
    return result;
}

}   // namespace kiln
