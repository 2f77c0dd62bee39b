// A lowered graph: launches over numbered slots of memory, before any memory is given to them.
#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "runtime/graph/lowering.h"

namespace kiln {

struct Slot {
    enum class Kind : uint8_t { parameter, constant, input, intermediate } kind;
    Tensor tensor;   // empty for scratch
    uint64_t bytes;
    bool output = false;   // read after the run: gets memory of its own
};

struct LaunchOrigin {
    std::string path;   // of the module
    DType dtype;        // of the operator's result
    LaunchNote note;    // filled in where the operator left something out
};

struct Program {
    std::vector<Slot> slots;
    std::vector<Launch> launches;
    std::vector<std::string> labels;                     // one a launch: kernel and module path
    std::vector<LaunchOrigin> origins;                   // one a launch
    std::unordered_map<const void*, uint32_t> slot_of;   // by Tensor::id(), views resolved
};

// Lowers everything that `outputs` need, in topological order. With `fuse` operators tell each
// other what they know of tensors (Lowering::statistics, defer).
Program lower(const Caps& caps, const Tuning& tuning, const std::vector<Tensor>& outputs,
              bool fuse = true);

}   // namespace kiln
