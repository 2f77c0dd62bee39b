// Weights that files keep as a direction v and a length g for each row: w = g v / |v|, the norm
// over all axes but the first, as PyTorch's weight_norm has it by default.
// Salimans and Kingma. Weight Normalization. 2016, equation 2. Within runtime/nn only.
#pragma once
#include <optional>
#include <string>

#include "runtime/io/tensor_files.h"

namespace kiln {

struct WeightNorm {
    std::string g_name, v_name;
    TensorFiles::Entry g, v;
};

// What stands in the files for `name` ("....weight"), in either of PyTorch's spellings: weight_g
// and weight_v, or parametrizations.weight.original0 and .original1. None when neither is there.
std::optional<WeightNorm> weight_norm(const TensorFiles& files, const std::string& name);

// Multiplies values [first, first + count) of v by the factors of their rows.
void apply_weight_norm(const WeightNorm& norm, int64_t first, int64_t count, float* values);

}   // namespace kiln
