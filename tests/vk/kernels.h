// The kernels that the tests of runtime/vk run, without the kernel layer above it.
#pragma once
#include <cstring>

#include "scale.h"
#include "tests/support/device.h"
#include "texels.h"

namespace kiln::test {

struct ScaleArgs {
    uint32_t count;
    float factor;
};

inline PipelineDesc scale_desc(uint32_t offset = 0) {
    PipelineDesc desc;
    desc.name = "scale";
    desc.spirv = scale;
    desc.bindings = {BindingKind::storage, BindingKind::storage};
    desc.push_bytes = sizeof(ScaleArgs);
    desc.constants = {offset};
    return desc;
}

inline PipelineDesc texels_desc(BindingKind kind) {
    PipelineDesc desc;
    desc.name = "texels";
    desc.spirv = texels;
    desc.bindings = {kind, BindingKind::storage};
    desc.push_bytes = sizeof(uint32_t);
    return desc;
}

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
    return std::as_bytes(std::span(&value, 1));
}

inline Result<void> record_scale(CommandList& list, const Pipeline& pipeline, const Buffer& source,
                                 const Buffer& target, float factor, const Work& work = {}) {
    ScaleArgs args{uint32_t(source.size() / sizeof(float)), factor};
    std::array<Binding, 2> bindings{{{source}, {target}}};
    return list.dispatch("scale", pipeline, bindings, bytes_of(args),
                         {(args.count + 63) / 64, 1, 1}, work);
}

inline std::vector<float> ramp(size_t count) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; i++) values[i] = float(i);
    return values;
}

}   // namespace kiln::test
