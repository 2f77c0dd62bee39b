// Operators at the sizes that models give them, and how long they take.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/tensor/tensor.h"
#include "runtime/vk/device.h"

namespace kiln::bench {

struct OpCase {
    std::string op, name;   // "matmul", "matmul 1024x1024x1024"
    std::function<std::vector<Tensor>(DType)> inputs;
    std::function<Tensor(const std::vector<Tensor>&)> build;
    double flops;               // multiplications and additions
    DType dtype = DType::f32;   // storage
};

const std::vector<OpCase>& op_cases();

// All of them for "ops", those of one operator, or "matmul 4096x4096x4096" in f32 and in f16.
std::vector<OpCase> wanted_cases(const std::string& what);

struct Timing {
    double milliseconds;   // median over the runs
    double bytes;          // read and written at least once: inputs and result
    int runs;
};

// Compiles, warms up once, then runs until `seconds` have passed, at least three times.
Result<Timing> time_op(std::shared_ptr<Device> device, const OpCase& op_case, double seconds,
                       const std::function<bool()>& cancelled);

}   // namespace kiln::bench
