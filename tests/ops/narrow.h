// Operators on tensors that exceed the binding range, made small: lowered for caps with a range of
// a few KiB, and what they launch is run.
#pragma once
#include <map>

#include "runtime/graph/node.h"
#include "tests/support/device.h"

namespace kiln::test {

class NarrowLowering : public Lowering {
public:
    NarrowLowering(std::shared_ptr<Device> device, uint64_t range)
        : device_(std::move(device)), caps_(device_->caps()) {
        caps_.binding_range = range;
    }

    const Caps& caps() const override { return caps_; }
    const Tuning& tuning() const override { return device_->tuning(); }

    Operand operand(const Tensor& t) override {
        auto [found, added] = slots_.try_emplace(t.id(), uint32_t(buffers_.size()));
        if (added) buffers_.push_back(memory(t));
        return {.slot = found->second, .offset = 0, .size = t.bytes(), .dtype = t.dtype()};
    }

    Operand scratch(uint64_t bytes, DType dtype) override {
        buffers_.push_back(take(device_->allocate(bytes, Intent::device)));
        return {.slot = uint32_t(buffers_.size() - 1), .offset = 0, .size = bytes, .dtype = dtype};
    }

    void launch(Launch launch) override {
        for (const Operand& o : launch.operands) {
            CHECK(o.size <= caps_.binding_range);
            CHECK(o.offset % caps_.offset_alignment == 0);
        }
        launches_.push_back(std::move(launch));
    }

    std::vector<float> run(const Tensor& y) {
        lower(y);
        CommandList list(device_);
        for (const Launch& launch : launches_) {
            std::vector<Binding> bindings;
            for (const Operand& o : launch.operands)
                bindings.push_back({buffers_[o.slot].slice(o.offset, o.size)});
            take(list.dispatch("band", take(device_->pipeline(pipeline_desc(launch))), bindings,
                               launch.args, launch.grid));
            list.barrier();
        }
        take(list.finish());
        take(device_->run(list));
        return download<float>(*device_, buffers_[slots_.at(y.id())]);
    }

    size_t launches() const { return launches_.size(); }

private:
    void lower(const Tensor& y) {
        const Node& node = *y.value().node;
        for (const Tensor& x : node.inputs)
            if (x && x.kind() == Tensor::Kind::computed && !slots_.count(x.id())) lower(x);
        node.op->lower(*this, node, y);
    }

    Buffer memory(const Tensor& t) {
        if (t.kind() == Tensor::Kind::parameter) return t.value().storage;
        Buffer buffer = take(device_->allocate(t.bytes(), Intent::device));
        if (t.kind() == Tensor::Kind::constant)
            take(device_->write(buffer, t.value().data.data(), t.value().data.size()));
        return buffer;
    }

    std::shared_ptr<Device> device_;
    Caps caps_;
    std::map<const void*, uint32_t> slots_;
    std::vector<Buffer> buffers_;
    std::vector<Launch> launches_;
};

}   // namespace kiln::test
