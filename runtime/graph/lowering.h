// What an operator sees while it turns into launches: operands for tensors, scratch, and a place to
// put the launches. Barriers are derived from the kernels' Read and Write bindings, in launch
// order.
#pragma once
#include <functional>
#include <vector>

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

// What is known of a tensor [..., channels] by whoever wrote it: of every channel over `chunk`
// rows after the other, the last ones being what is left, the mean and the sum of squared
// deviations from it. f32 [rows / chunk, channels / 4, 2, 4].
struct Statistics {
    Operand partials;
    uint64_t channels, chunk;
};

// A tensor by what it is made from: activation((x - mean) * scale + bias) by image and channel.
struct Normalised {
    Operand x;         // of the tensor's shape and type
    Operand factors;   // f32 [images, channels / 4, {mean, scale, bias}, 4]
    int64_t images;
    uint32_t activation;   // as Activation in runtime/ops/ops.h
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

    // Whether an operator to come reads the statistics of this tensor's memory, whole; they may be
    // given then by who writes it. Several lie side by side along the channels.
    virtual bool wants_statistics(const Operand&) const { return false; }
    virtual void give_statistics(const Operand&, std::vector<Statistics>) {}
    virtual std::vector<Statistics> statistics(const Tensor&) const { return {}; }   // none: empty

    // Lets the only reader of a tensor normalise while it reads: `make`, whose launches fill the
    // tensor, is called when its operand is asked for, at once if it has several readers.
    virtual void defer(const Tensor&, Normalised, std::function<void()> make) { make(); }
    virtual const Normalised* normalised(const Tensor&) const { return nullptr; }   // if not made
};

}   // namespace kiln
