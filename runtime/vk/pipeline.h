// A compute pipeline by description. Device::pipeline() compiles it once and keeps it.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kiln {

namespace vk {
struct CompiledPipeline;
}
using Pipeline = std::shared_ptr<const vk::CompiledPipeline>;

// How a kernel sees one binding: a storage buffer, or a read-only texel buffer of four-vectors
// (samplerBuffer) in f32 or f16, which CPU drivers fetch several times faster.
enum class BindingKind : uint8_t { storage, texel_rgba32f, texel_rgba16f };

struct PipelineDesc {
    std::string_view name;   // for messages, the cache and statistics
    std::span<const uint32_t> spirv;
    std::vector<BindingKind> bindings;   // set 0, bindings 0..n-1
    uint32_t push_bytes = 0;
    std::vector<uint32_t> constants;   // specialization constants, ids 0..n-1, as 32-bit words
    uint32_t subgroup_size = 0;        // required size with full subgroups; 0: the driver's choice
    bool divisible = false;            // may be dispatched in parts, see CommandList::dispatch()
};

// One property of a compiled pipeline as the driver reports it (registers, spills, ...).
struct PipelineStatistic {
    std::string name;
    double value;
};

}   // namespace kiln
