#include "runtime/graph/program.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>

#include "runtime/base/check.h"
#include "runtime/graph/node.h"
#include "runtime/graph/order.h"

namespace kiln {
namespace {

class ProgramBuilder : public Lowering {
public:
    ProgramBuilder(const Caps& caps, const Tuning& tuning) : caps_(caps), tuning_(tuning) {}

    const Caps& caps() const override { return caps_; }
    const Tuning& tuning() const override { return tuning_; }

    Operand operand(const Tensor& tensor) override {
        auto found = program_.slot_of.find(tensor.id());
        ensure(found != program_.slot_of.end(), "an operand that stands before its user");
        if (deferred_.count(found->second)) make(found->second);
        return {.slot = found->second,
                .offset = 0,
                .size = program_.slots[found->second].bytes,
                .dtype = tensor.dtype()};
    }

    Operand scratch(uint64_t bytes, DType dtype) override {
        program_.slots.push_back({Slot::Kind::intermediate, {}, bytes});
        return {.slot = uint32_t(program_.slots.size() - 1),
                .offset = 0,
                .size = bytes,
                .dtype = dtype};
    }

    void launch(Launch launch) override {
        for (int axis = 0; axis < 3; axis++)
            ensure(launch.grid[axis] > 0 && launch.grid[axis] <= caps_.workgroup_count[axis],
                   "a grid within the device's workgroup counts");
        for (const Operand& operand : launch.operands)
            ensure(operand.slot < program_.slots.size(), "operands that belong to this graph");
        if (launch.operands.size() > 0) check_ranges(launch);
        program_.labels.push_back(std::string(launch.source->name) +
                                  (path_.empty() ? "" : " " + path_));
        double bytes = 0;
        for (const Operand& operand : launch.operands) bytes += double(operand.size);
        program_.origins.push_back(
            {path_, dtype_, {{.bytes = bytes}, variant_of(*launch.source), shape_}});
        program_.launches.push_back(std::move(launch));
    }

    void note(LaunchNote note) override {
        ensure(!program_.origins.empty(), "a note after a launch");
        LaunchNote& of = program_.origins.back().note;
        of.work.flops = note.work.flops;
        if (note.work.bytes > 0) of.work.bytes = note.work.bytes;
        if (!note.variant.empty()) of.variant = std::move(note.variant);
        if (!note.shape.empty()) of.shape = std::move(note.shape);
    }

    bool wants_statistics(const Operand& o) const override {
        return wanted_.count(o.slot) && o.size == program_.slots[o.slot].bytes;
    }
    void give_statistics(const Operand& o, std::vector<Statistics> given) override {
        given_[o.slot] = std::move(given);
    }
    std::vector<Statistics> statistics(const Tensor& tensor) const override {
        auto found = given_.find(program_.slot_of.at(tensor.id()));
        return found == given_.end() ? std::vector<Statistics>() : found->second;
    }

    void defer(const Tensor& t, Normalised normalised, std::function<void()> make) override {
        uint32_t slot = program_.slot_of.at(t.id());
        if (readers_[t.id()] != 1) return make();
        deferred_.emplace(slot, Deferred{t, std::move(normalised), std::move(make)});
    }
    const Normalised* normalised(const Tensor& tensor) const override {
        auto found = deferred_.find(program_.slot_of.at(tensor.id()));
        return found == deferred_.end() ? nullptr : &found->second.normalised;
    }

    // Finds out who is read how often, and whose statistics are wanted: users before what they use.
    void prepare(const std::vector<Tensor>& order, const std::vector<Tensor>& outputs) {
        std::unordered_map<const void*, const void*> memory;   // of which tensor, by view
        for (const Tensor& t : order) {
            const Node* node = t.value().node.get();
            const bool view = node && node->op->is_view();
            memory[t.id()] = view ? memory[node->inputs[0].id()] : t.id();
            for (size_t i = 0; node && !view && i < node->inputs.size(); i++)
                if (node->inputs[i]) readers_[memory[node->inputs[i].id()]]++;
        }
        for (const Tensor& output : outputs) readers_[memory[output.id()]] += 2;
        for (size_t i = order.size(); i-- > 0;) {
            const Node* node = order[i].value().node.get();
            if (!node || !node->op->reads_statistics(read_.count(order[i].id()))) continue;
            for (const Tensor& input : node->inputs)
                if (input) read_.insert(input.id());
        }
    }

    void add(const Tensor& t) {
        describe(t);
        if (t.kind() != Tensor::Kind::computed) return add_slot(t, leaf_kind(t.kind()));
        const Node& node = *t.value().node;
        if (node.op->is_view()) {
            program_.slot_of[t.id()] = program_.slot_of.at(node.inputs[0].id());
            return;
        }
        add_slot(t, Slot::Kind::intermediate);
        node.op->lower(*this, node, t);
    }

    Program finish(const std::vector<Tensor>& outputs) {
        for (const Tensor& output : outputs)
            program_.slots[program_.slot_of.at(output.id())].output = true;
        return std::move(program_);
    }

private:
    struct Deferred {
        Tensor tensor;
        Normalised normalised;
        std::function<void()> make;
    };

    // What stands in launches from here on.
    void describe(const Tensor& t) {
        path_ = t.path();
        shape_ = to_string(t.shape());
        dtype_ = t.dtype();
    }

    void make(uint32_t slot) {
        const Deferred deferred = std::move(deferred_.extract(slot).mapped());
        const auto before = std::tuple(path_, shape_, dtype_);
        describe(deferred.tensor);
        deferred.make();
        std::tie(path_, shape_, dtype_) = before;
    }

    static std::string variant_of(const KernelSource& source) {
        std::string name(source.name);
        return source.variant == "main" ? name : name.append(" ").append(source.variant);
    }

    static Slot::Kind leaf_kind(Tensor::Kind kind) {
        switch (kind) {
            case Tensor::Kind::input: return Slot::Kind::input;
            case Tensor::Kind::parameter: return Slot::Kind::parameter;
            default: return Slot::Kind::constant;
        }
    }

    void add_slot(const Tensor& t, Slot::Kind kind) {
        program_.slot_of[t.id()] = uint32_t(program_.slots.size());
        uint64_t bytes = (t.bytes() + 15) / 16 * 16;
        if (kind == Slot::Kind::parameter && !t.value().weight)
            bytes = std::min(bytes, t.value().storage.size());
        program_.slots.push_back({kind, t, bytes});
        if (read_.count(t.id())) wanted_.insert(program_.slot_of[t.id()]);
    }

    void check_ranges(const Launch& launch) const {
        for (const Operand& operand : launch.operands)
            if (operand.size > caps_.binding_range)
                throw ModelError("[" + std::string(launch.source->name) + "] a tensor of " +
                                 std::to_string(operand.size >> 20) +
                                 " MiB exceeds the device's binding range of " +
                                 std::to_string(caps_.binding_range >> 20) + " MiB (" + path_ +
                                 ")");
    }

    const Caps& caps_;
    const Tuning& tuning_;
    Program program_;
    std::string path_, shape_;   // of the tensor that is being lowered
    DType dtype_ = DType::f32;
    std::unordered_set<const void*> read_;   // tensors whose statistics are read
    std::unordered_set<uint32_t> wanted_;    // their slots
    std::unordered_map<uint32_t, std::vector<Statistics>> given_;
    std::unordered_map<const void*, int> readers_;   // of a tensor's memory; outputs count for two
    std::unordered_map<uint32_t, Deferred> deferred_;
};

}   // namespace

Program lower(const Caps& caps, const Tuning& tuning, const std::vector<Tensor>& outputs,
              bool fuse) {
    ProgramBuilder builder(caps, tuning);
    const std::vector<Tensor> order = topological_order(outputs);
    if (fuse) builder.prepare(order, outputs);
    for (const Tensor& t : order) builder.add(t);
    return builder.finish(outputs);
}

}   // namespace kiln
