// One operator at one shape. A case is checked on every profile and storage type: against its
// reference, against its composition, for equal bits in a second run, and for its gradient.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "runtime/ops/ops.h"
#include "tests/support/gradcheck.h"

namespace kiln::test {

struct OpCase {
    std::string name;
    std::vector<Array> inputs;
    std::function<Tensor(const std::vector<Tensor>&)> build;
    Reference reference;
    double tolerance = 2e-6;        // f32; relative where values exceed 1
    double half_tolerance = 2e-3;   // f16 storage
    bool gradient = true;           // of every input
    double gradient_tolerance = 2e-4;
    std::vector<std::vector<int32_t>> indices;   // i32 inputs, after the others
    std::vector<Shape> index_shapes;
};

void check(const OpCase& test);

// The values of one tensor without inputs, on the profile.
std::vector<float> values_of(const Tensor& tensor, const std::string& profile = "");

// The message of the ModelError that building throws; empty when it does not.
std::string error_of(const std::function<void()>& build);

}   // namespace kiln::test
