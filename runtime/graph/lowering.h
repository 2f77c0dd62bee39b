// What an operator sees while it turns into launches: operands for tensors, scratch, and a place to
// put the launches. Barriers are derived from the kernels' Read and Write bindings, in launch
// order.
#pragma once
#include "runtime/kernel/kernel.h"
#include "runtime/tensor/tensor.h"
#include "runtime/vk/pace.h"
#include "runtime/vk/tuning.h"

namespace kiln {

// What is known of a launch, for estimates of its time and for measurements.
struct LaunchNote {
    Work work;             // without bytes: the operands, moved once
    std::string variant;   // as Tuning knows it; empty: the kernel's name and variant
    std::string shape;     // "4096x320x2880"; empty: the operator's result
};

class Lowering {
public:
    virtual ~Lowering() = default;
    virtual const Caps& caps() const = 0;
    virtual const Tuning& tuning() const = 0;   // of the device, by which variants are chosen

    // The memory of a tensor, whole; use Operand::window for a part. Its size is rounded up to 16
    // bytes, except for a parameter whose storage ends before that.
    virtual Operand operand(const Tensor& tensor) = 0;

    // Memory that this operator's launches share among themselves; contents start undefined.
    virtual Operand scratch(uint64_t bytes, DType dtype = DType::f32) = 0;

    virtual void launch(Launch launch) = 0;

    // Of the launch made last.
    virtual void note(LaunchNote) {}
};

}   // namespace kiln
