// A kernel: one compiled shader variant with its reflected interface. The build writes one header a
// shader (kernels/<name>.h) with typed Bindings, Args and Constants, and this is what they fill in.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/vk/caps.h"
#include "runtime/vk/pipeline.h"

namespace kiln {

enum class Access : uint8_t { read, write, read_write };

struct KernelBinding {
    Access access;
    bool texel;   // a samplerBuffer: bound as four-vectors of the operand's dtype
};

struct KernelSource {
    std::string_view name;      // stem of the shader
    std::string_view variant;   // "f32", "f16", ... as its first comment line lists them
    std::span<const uint32_t> spirv;
    std::span<const KernelBinding> bindings;
    uint32_t push_bytes;
    uint32_t constants;   // how many specialization constants
};

// A range of something that will be a Buffer when the graph is placed: `slot` names it in the
// graph's table. `dtype` decides the format of a texel binding.
struct Operand {
    uint32_t slot = ~0u;
    uint64_t offset = 0, size = 0;   // bytes
    DType dtype = DType::f32;

    // `size` bytes from `offset`; the absolute offset must be aligned to Caps::offset_alignment.
    Operand window(uint64_t from, uint64_t bytes) const {
        return {slot, offset + from, bytes, dtype};
    }
};

// How the generated Bindings struct says who writes what; barriers follow from it.
struct Read {
    Operand operand;
    Read(const Operand& o) : operand(o) {}
};
struct Write {
    Operand operand;
    Write(const Operand& o) : operand(o) {}
};
struct ReadWrite {
    Operand operand;
    ReadWrite(const Operand& o) : operand(o) {}
};

using Grid = std::array<uint32_t, 3>;   // workgroups

// One dispatch, ready to be placed and recorded.
struct Launch {
    const KernelSource* source = nullptr;
    std::vector<Operand> operands;     // by binding
    std::vector<std::byte> args;       // push constants
    std::vector<uint32_t> constants;   // specialization constants by id, floats as their bits
    Grid grid{1, 1, 1};
    uint32_t subgroup_size = 0;   // required; 0: the driver's choice
};

// The description from which Device::pipeline() compiles this launch.
PipelineDesc pipeline_desc(const Launch& launch);

inline uint32_t div_up(int64_t a, int64_t b) { return uint32_t((a + b - 1) / b); }

}   // namespace kiln
