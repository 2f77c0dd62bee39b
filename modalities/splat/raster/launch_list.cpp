#include "modalities/splat/raster/launch_list.h"

#include "runtime/graph/hazards.h"

namespace kiln {

Operand LaunchList::operand(const Buffer& buffer, DType dtype) {
    buffers_.push_back(buffer);
    return {.slot = uint32_t(buffers_.size() - 1), .size = buffer.size(), .dtype = dtype};
}

Result<void> LaunchList::record() {
    std::vector<PipelineDesc> descs;
    for (const Launch& launch : launches_) descs.push_back(pipeline_desc(launch));
    const auto pipelines = device_->pipelines(descs);
    if (!pipelines) return pipelines.error();
    Hazards hazards;
    for (size_t i = 0; i < launches_.size(); i++) {
        const Launch& launch = launches_[i];
        std::vector<Binding> bindings;
        bool conflict = false;
        for (size_t b = 0; b < launch.operands.size(); b++) {
            const Operand& operand = launch.operands[b];
            bindings.push_back({buffers_[operand.slot].slice(operand.offset, operand.size)});
            conflict |=
                hazards.conflicts(bindings.back().buffer, launch.source->bindings[b].access);
        }
        if (conflict) {
            list_.barrier();
            hazards.clear();
        }
        for (size_t b = 0; b < bindings.size(); b++)
            hazards.add(bindings[b].buffer, launch.source->bindings[b].access);
        auto done = list_.dispatch(launch.source->name, (*pipelines)[i], bindings, launch.args,
                                   launch.grid);
        if (!done) return done;
    }
    return list_.finish();
}

}   // namespace kiln
