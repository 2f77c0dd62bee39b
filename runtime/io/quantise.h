// Checkpoints with smaller weights: what each tensor becomes, and the file of them.
#pragma once
#include <functional>
#include <string>

#include "runtime/io/gguf.h"
#include "runtime/io/tensor_files.h"

namespace kiln {

// The form of a tensor in a file whose linear layers have `type`. Tables of embeddings,
// convolutions and rows that are not whole blocks become f16 (rows of whole 32 but not 256 values:
// the type of 32 with a bit more), vectors f32 unless they are f16; integers stay.
DType quantised_form(const TensorInfo& tensor, DType type);

// Writes all tensors of a model as one GGUF file, with its metadata. bad_file: a type that Kiln
// does not read or GGUF does not have, more than four axes, values that are not finite, or fp8
// weights with a scale of their own. `progress` hears how many of all tensors are done.
Result<void> write_quantised(const std::string& path, const TensorFiles& model, DType type,
                             const std::function<void(size_t, size_t)>& progress = {});

}   // namespace kiln
