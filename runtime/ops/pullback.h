// Differentiation in two graphs, for where the cotangent depends on the result.
#pragma once
#include <functional>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/tensor/tensor.h"
#include "runtime/vk/device.h"

namespace kiln {

// Run the graph of `forward`, read y, write the cotangent, run the graph of `backward`. What the
// second reads of the first lies in device memory of its own from one to the other, so they may
// share a workspace, with each other and with other graphs. An input that the gradients depend on
// is one of both graphs, and written to both.
struct Pullback {
    std::vector<Tensor> forward;    // y, then what is kept
    Tensor d_y;                     // input of `backward`, of y's shape and type
    std::vector<Tensor> backward;   // for each of `wrt`, the gradient of sum(y * d_y)
    uint64_t kept_bytes = 0;
};

// Tensors of which `again` is true are not kept: the second graph computes them from others that
// are, shortly before it needs them. Throws ModelError as gradient() does; out_of_memory: there is
// none to keep tensors in. Griewank and Walther. Evaluating Derivatives. 2008, section 3.2 and
// chapter 12.
Result<Pullback> pullback(Device& device, const Tensor& y, const std::vector<Tensor>& wrt,
                          const std::function<bool(const Tensor&)>& again = {});

}   // namespace kiln
