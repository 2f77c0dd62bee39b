// How a computed tensor comes to be: an operator over inputs. Operators are immutable values.
#pragma once
#include <memory>
#include <string_view>
#include <vector>

#include "runtime/graph/lowering.h"
#include "runtime/tensor/tensor.h"

namespace kiln {

class Op;

struct Node {
    std::shared_ptr<const Op> op;
    std::vector<Tensor> inputs;   // an optional input that is absent is an empty Tensor
};

// An operator: its parameters, how it becomes launches, and its gradient. One subclass per
// runtime/ops/<op>.cpp; nothing outside that file names the subclass.
class Op {
public:
    virtual ~Op() = default;
    virtual std::string_view name() const = 0;

    // Emits the launches that fill `out`. Called once per compiled graph.
    virtual void lower(Lowering& lowering, const Node& node, const Tensor& out) const = 0;

    // The same result built of simpler operators over the same inputs: the oracle in tests and,
    // when vjp() gives nothing, the source of the gradient. Empty when the operator is itself
    // primitive.
    virtual Tensor composition(const Node&) const { return {}; }

    // Gradients of the inputs given that of the output: one entry per input, empty where the input
    // is absent or has no gradient (indices, say). Returning no entries means: differentiate
    // composition().
    virtual std::vector<Tensor> vjp(const Node& node, const Tensor& out,
                                    const Tensor& d_out) const {
        (void)node, (void)out, (void)d_out;
        return {};
    }

    // True when the result is the first input's memory under another shape: no launch, no storage.
    virtual bool is_view() const { return false; }

    // True when lower() makes use of its inputs' statistics (lowering.h); `wanted` says whether
    // those of the result are used.
    virtual bool reads_statistics(bool wanted) const { return is_view() && wanted; }

    // Fusion: `consumer` reads `self` (whose op this is) as its only reader. Returns the node that
    // computes the consumer's result in one step, or null when it cannot be absorbed.
    virtual std::shared_ptr<const Node> absorb(const Node& self, const Tensor& self_out,
                                               const Node& consumer,
                                               const Tensor& consumer_out) const {
        (void)self, (void)self_out, (void)consumer, (void)consumer_out;
        return nullptr;
    }
};

// The result tensor of `op` over `inputs`. Its path is that of the first input that has one,
// weights first, so that messages can say where in the model it stands.
Tensor compute(std::shared_ptr<const Op> op, std::vector<Tensor> inputs, Shape shape, DType dtype);

// Throws ModelError "[op] fact: x [..], y [..] (path)".
[[noreturn]] void model_error(std::string_view op, std::string_view fact,
                              const std::vector<Tensor>& about);

}   // namespace kiln
