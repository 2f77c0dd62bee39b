// What a device can do at most, measured by kernels that do nothing else: the roofs of Williams,
// Waterman, Patterson. Roofline: An Insightful Visual Performance Model for Multicore
// Architectures. 2009.
#pragma once
#include <functional>
#include <memory>

#include "runtime/base/dtype.h"
#include "runtime/vk/device.h"

namespace kiln::bench {

struct Peaks {
    double copy = 0;     // GB/s, read and written bytes both counted
    double f32 = 0;      // GFLOP/s of multiplications and additions,
    double f16 = 0;      // the same in half precision,
    double matrix = 0;   // and in products of cooperative matrices; 0: the device has none

    double compute(DType storage) const;   // the highest roof over what is stored so
    // Milliseconds that work on values stored so takes at the nearest roof.
    double milliseconds(const Work& work, DType storage) const;
};

Result<Peaks> measure_peaks(const std::shared_ptr<Device>& device,
                            const std::function<bool()>& cancelled);

}   // namespace kiln::bench
