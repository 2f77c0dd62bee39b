#include "runtime/kernel/kernel.h"

#include "runtime/base/check.h"

namespace kiln {

static BindingKind kind_of(const KernelBinding& binding, DType dtype) {
    if (!binding.texel) return BindingKind::storage;
    ensure(dtype == DType::f32 || dtype == DType::f16, "texel operands are f32 or f16");
    return dtype == DType::f32 ? BindingKind::texel_rgba32f : BindingKind::texel_rgba16f;
}

PipelineDesc pipeline_desc(const Launch& launch) {
    const KernelSource& source = *launch.source;
    ensure(launch.operands.size() == source.bindings.size(), "an operand for every binding");
    ensure(launch.args.size() == source.push_bytes, "arguments as the kernel declares them");
    ensure(launch.constants.size() == source.constants,
           "a value for every specialization constant");
    PipelineDesc desc{.name = source.name,
                      .spirv = source.spirv,
                      .push_bytes = source.push_bytes,
                      .constants = launch.constants,
                      .subgroup_size = launch.subgroup_size};
    for (size_t i = 0; i < source.bindings.size(); i++)
        desc.bindings.push_back(kind_of(source.bindings[i], launch.operands[i].dtype));
    return desc;
}

}   // namespace kiln
