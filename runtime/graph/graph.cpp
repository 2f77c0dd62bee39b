// Compiling a graph: fuse, lower, place in memory, record; and replaying it.
#include "runtime/graph/graph.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>

#include "runtime/graph/fuse.h"
#include "runtime/graph/hazards.h"
#include "runtime/graph/place.h"
#include "runtime/graph/program.h"
#include "runtime/graph/weight_stream.h"

namespace kiln {

Result<std::vector<Buffer>> Workspace::blocks(const std::vector<uint64_t>& sizes) {
    std::vector<Buffer> result;
    for (size_t i = 0; i < sizes.size(); i++) {
        if (i == blocks_.size()) blocks_.emplace_back();
        if (!blocks_[i] || blocks_[i].size() < sizes[i]) {
            blocks_[i] = Buffer();
            auto grown = device_->allocate(sizes[i], Intent::device, Sharing::apart);
            if (!grown) return grown.error();
            blocks_[i] = *grown;
        }
        result.push_back(blocks_[i].slice(0, sizes[i]));
    }
    return result;
}

struct Graph::State {
    std::shared_ptr<Device> device;
    std::vector<Tensor> outputs;
    Program program;
    std::vector<Buffer> buffers;   // by slot
    std::optional<WeightStream> weights;
    std::unique_ptr<CommandList> list;
    GraphStats stats;

    Result<void> place_slots(const GraphOptions& options);
    Result<void> own_memory(uint32_t slot);
    Result<void> record(bool timed);
    Result<uint32_t> input_slot(const Tensor& input, size_t count) const;
};

// Memory that outlives a run: parameters have theirs, and so may outputs; the other outputs, inputs
// and constants get it here.
Result<void> Graph::State::own_memory(uint32_t index) {
    const Slot& slot = program.slots[index];
    if (slot.kind == Slot::Kind::parameter || slot.tensor.value().storage) {
        buffers[index] = slot.tensor.value().storage;
        return {};
    }
    auto buffer = device->allocate(slot.bytes, Intent::device);
    if (!buffer) return buffer.error();
    buffers[index] = *buffer;
    if (slot.kind != Slot::Kind::constant) return {};
    const auto& data = slot.tensor.value().data;
    return device->write(buffers[index], data.data(), data.size());
}

static std::vector<Lifetime> lifetimes_of(const Program& program) {
    std::vector<Lifetime> lifetimes;
    for (const Slot& slot : program.slots) lifetimes.push_back({slot.bytes, -1, -1});
    for (int i = 0; i < int(program.launches.size()); i++)
        for (const Operand& operand : program.launches[i].operands) {
            Lifetime& life = lifetimes[operand.slot];
            if (life.first < 0) life.first = i;
            life.last = i;
        }
    return lifetimes;
}

// Those that live within a run only, and where they lie.
struct PlacedIntermediates {
    std::vector<uint32_t> slots;
    Placement placement;
};

static bool lives_on(const Slot& slot) {
    return slot.kind != Slot::Kind::intermediate || slot.output;
}

static PlacedIntermediates place_intermediates(const Program& program, const Caps& caps) {
    const std::vector<Lifetime> all = lifetimes_of(program);
    std::vector<Lifetime> shared;
    PlacedIntermediates result;
    for (uint32_t i = 0; i < program.slots.size(); i++) {
        if (lives_on(program.slots[i]) || all[i].first < 0) continue;
        shared.push_back(all[i]);
        result.slots.push_back(i);
    }
    result.placement =
        place(shared, std::max<uint64_t>(256, caps.offset_alignment), caps.allocation);
    return result;
}

Result<void> Graph::State::place_slots(const GraphOptions& options) {
    buffers.resize(program.slots.size());
    for (uint32_t i = 0; i < program.slots.size(); i++)
        if (lives_on(program.slots[i]))
            if (auto done = own_memory(i); !done) return done;
    const auto [slots, placement] = place_intermediates(program, device->caps());
    for (uint32_t slot : slots) stats.unshared_bytes += program.slots[slot].bytes;
    for (uint64_t bytes : placement.blocks) stats.intermediate_bytes += bytes;
    auto workspace = options.workspace ? options.workspace : std::make_shared<Workspace>(device);
    auto blocks = workspace->blocks(placement.blocks);
    if (!blocks) return blocks.error();
    for (size_t i = 0; i < slots.size(); i++)
        buffers[slots[i]] = (*blocks)[placement.places[i].block].slice(
            placement.places[i].offset, program.slots[slots[i]].bytes);
    return {};
}

// One for each launch; each description is made and looked up once. What one launch needs divisible
// is so for all.
static Result<std::vector<Pipeline>> pipelines_of(Device& device, const Program& program) {
    using Key =
        std::tuple<const KernelSource*, std::vector<uint32_t>, std::vector<BindingKind>, uint32_t>;
    std::map<Key, size_t> known;
    std::vector<PipelineDesc> descs;
    std::vector<size_t> places;
    for (size_t i = 0; i < program.launches.size(); i++) {
        const Launch& launch = program.launches[i];
        PipelineDesc desc = pipeline_desc(launch);
        const auto [entry, fresh] = known.try_emplace(
            {launch.source, desc.constants, desc.bindings, desc.subgroup_size}, descs.size());
        places.push_back(entry->second);
        if (fresh) descs.push_back(std::move(desc));
        descs[entry->second].divisible |= device.pace().divisible(program.origins[i].note.work);
    }
    const auto pipelines = device.pipelines(descs);
    if (!pipelines) return pipelines.error();
    std::vector<Pipeline> result;
    for (size_t place : places) result.push_back((*pipelines)[place]);
    return result;
}

Result<void> Graph::State::record(bool timed) {
    list = std::make_unique<CommandList>(device, timed);
    uint64_t created = device->pipelines_created();
    const auto pipelines = pipelines_of(*device, program);
    if (!pipelines) return pipelines.error();
    Hazards hazards;
    for (size_t i = 0; i < program.launches.size(); i++) {
        const Launch& launch = program.launches[i];
        if (auto brought = weights->before(int(i), *list, hazards, buffers); !brought)
            return brought;
        const Work& work = program.origins[i].note.work;
        std::vector<Binding> bindings;
        bool conflict = false;
        for (size_t b = 0; b < launch.operands.size(); b++) {
            const Operand& operand = launch.operands[b];
            bindings.push_back({buffers[operand.slot].slice(operand.offset, operand.size)});
            conflict |=
                hazards.conflicts(bindings.back().buffer, launch.source->bindings[b].access);
        }
        if (conflict) {
            list->barrier();
            hazards.clear();
            stats.barriers++;
        }
        for (size_t b = 0; b < bindings.size(); b++)
            hazards.add(bindings[b].buffer, launch.source->bindings[b].access);
        auto done = list->dispatch(program.labels[i], (*pipelines)[i], bindings, launch.args,
                                   launch.grid, work);
        if (!done) return done;
    }
    stats.streamed_bytes = weights->brought();
    stats.segments = weights->segments();
    stats.in_place_bytes = weights->in_place();
    stats.launches = program.launches.size();
    stats.pipelines = size_t(device->pipelines_created() - created);
    return list->finish();
}

Result<Graph> Graph::compile(std::shared_ptr<Device> device, std::vector<Tensor> outputs,
                             const GraphOptions& options) {
    auto state = std::make_unique<State>();
    state->device = device;
    state->outputs = options.fuse ? fuse(outputs) : std::move(outputs);
    state->program = lower(device->caps(), device->tuning(), state->outputs, options.fuse);
    if (auto placed = state->place_slots(options); !placed) return placed.error();
    auto weights = WeightStream::create(device, state->program, options, state->buffers);
    if (!weights) return weights.error();
    state->weights = std::move(*weights);
    if (auto recorded = state->record(options.timed); !recorded) return recorded.error();
    return Graph(std::move(state));
}

GraphNeeds Graph::needs(Device& device, std::vector<Tensor> outputs, const GraphOptions& options) {
    State state;
    state.outputs = options.fuse ? fuse(outputs) : std::move(outputs);
    state.program = lower(device.caps(), device.tuning(), state.outputs, options.fuse);
    GraphNeeds needs{};
    for (const Slot& slot : state.program.slots)
        if (slot.kind != Slot::Kind::parameter && lives_on(slot)) needs.values += slot.bytes;
    for (uint64_t bytes : place_intermediates(state.program, device.caps()).placement.blocks)
        needs.values += bytes;
    const std::vector<uint32_t> slots = missing_weights(state.program);
    for (uint32_t slot : slots) needs.weights += state.program.slots[slot].bytes;
    for (uint32_t slot : plan_in_place(state.program, slots).kept)
        needs.small_weights += state.program.slots[slot].bytes;
    needs.least_weights = least_room(state.program, slots, device.caps());
    return needs;
}

Graph::Graph(std::unique_ptr<State> state) : state_(std::move(state)) {}
Graph::Graph(Graph&&) noexcept = default;
Graph& Graph::operator=(Graph&&) noexcept = default;
Graph::~Graph() = default;

Result<uint32_t> Graph::State::input_slot(const Tensor& input, size_t count) const {
    auto found = program.slot_of.find(input.id());
    if (found == program.slot_of.end() || program.slots[found->second].kind != Slot::Kind::input)
        return Error{Status::usage, "the graph has no input '" + input.path() + "'"};
    if (int64_t(count) != input.shape().count())
        return Error{Status::usage, "input '" + input.path() + "' takes " +
                                        to_string(input.shape()) + ", given " +
                                        std::to_string(count) + " values"};
    return found->second;
}

Result<void> Graph::write(const Tensor& input, std::span<const float> values) {
    auto slot = state_->input_slot(input, values.size());
    if (!slot) return slot.error();
    const Buffer& target = state_->buffers[*slot];
    if (input.dtype() == DType::f32)
        return state_->device->write(target, values.data(), values.size_bytes());
    if (is_block(input.dtype())) {
        const auto packed = quantised_from_f32(input.dtype(), input[0], input[1], values.data());
        return state_->device->write(target, packed.data(), packed.size());
    }
    std::vector<std::byte> converted(input.bytes());
    from_f32(input.dtype(), values.data(), converted.data(), values.size());
    return state_->device->write(target, converted.data(), converted.size());
}

Result<void> Graph::write_i32(const Tensor& input, std::span<const int32_t> values) {
    auto slot = state_->input_slot(input, values.size());
    if (!slot) return slot.error();
    ensure(input.dtype() == DType::i32, "an i32 input");
    return state_->device->write(state_->buffers[*slot], values.data(), values.size_bytes());
}

Result<void> Graph::run(const std::function<bool()>& cancelled) {
    return state_->device->run(*state_->list, cancelled);
}

Result<void> Graph::read(std::span<float> values, size_t index) const {
    ensure(index < state_->outputs.size(), "an output that the graph has");
    const Tensor& output = state_->outputs[index];
    ensure(int64_t(values.size()) == output.shape().count(), "room for the whole output");
    const Buffer& source = state_->buffers[state_->program.slot_of.at(output.id())];
    if (output.dtype() == DType::f32)
        return state_->device->read(source, values.data(), values.size_bytes());
    std::vector<std::byte> bytes(output.bytes());
    if (auto done = state_->device->read(source, bytes.data(), bytes.size()); !done) return done;
    to_f32(output.dtype(), bytes.data(), values.data(), values.size());
    return {};
}

Result<std::vector<float>> Graph::read(size_t index) const {
    ensure(index < state_->outputs.size(), "an output that the graph has");
    std::vector<float> values(size_t(state_->outputs[index].shape().count()));
    if (auto done = read(values, index); !done) return done.error();
    return values;
}

const GraphStats& Graph::stats() const { return state_->stats; }
std::vector<KernelTime> Graph::times() const { return state_->list->times(); }
std::span<const Submission> Graph::submissions() const { return state_->list->submissions(); }

std::vector<LaunchReport> Graph::launches() const {
    std::vector<LaunchReport> launches;
    for (size_t i = 0; i < state_->program.launches.size(); i++) {
        const auto& [path, dtype, note] = state_->program.origins[i];
        launches.push_back({.kernel = state_->program.launches[i].source->name,
                            .variant = note.variant,
                            .path = path,
                            .shape = note.shape,
                            .dtype = dtype,
                            .work = note.work});
    }
    return launches;
}

std::string Graph::dump() const {
    std::string text;
    for (size_t i = 0; i < state_->program.launches.size(); i++) {
        const Launch& launch = state_->program.launches[i];
        text += state_->program.labels[i] + " [" + std::string(launch.source->variant) + "] grid " +
                std::to_string(launch.grid[0]) + "x" + std::to_string(launch.grid[1]) + "x" +
                std::to_string(launch.grid[2]);
        for (const Operand& o : launch.operands)
            text += " %" + std::to_string(o.slot) + "+" + std::to_string(o.offset) + ":" +
                    std::to_string(o.size);
        text += "\n";
    }
    return text;
}

Result<std::vector<float>> evaluate(std::shared_ptr<Device> device, const Tensor& tensor,
                                    const GraphOptions& options) {
    auto graph = Graph::compile(std::move(device), {tensor}, options);
    if (!graph) return graph.error();
    if (auto ran = graph->run(); !ran) return ran.error();
    return graph->read();
}

}   // namespace kiln
