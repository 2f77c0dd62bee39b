#include "modalities/nerf/networks.h"

#include <algorithm>

#include "kernels/nerf_bound.h"
#include "kernels/nerf_encode.h"
#include "kernels/nerf_gather.h"
#include "kernels/nerf_network.h"
#include "kernels/nerf_network_backward.h"
#include "kernels/nerf_scale.h"
#include "kernels/nerf_scatter.h"
#include "kernels/nerf_weights.h"
#include "kernels/nerf_weights_sum.h"
#include "runtime/ops/spread.h"

namespace kiln {
namespace {

constexpr uint32_t kLocal = 128, kChunk = 256, kBoundChunk = 1024;

// Of an invocation. Four share what a CPU reads of the weights; on GPUs, whose invocations read
// them together, they would take four times the registers (RADV, navi21: 224 instead of 56).
uint32_t samples_each(const Caps& caps) { return caps.kind == DeviceKind::cpu ? 4 : 1; }

}   // namespace

Result<Networks> Networks::create(const RadianceField& field, uint32_t samples) {
    Networks made(field);
    made.capacity_ = samples;
    const FieldLayout& l = made.layout_;
    const uint64_t n = samples, levels = l.levels().size(), row = kLatent + l.harmonics();
    const uint64_t widest = l.neurons() * std::max<uint64_t>(l.features() + kLatent, row + 4);
    struct Wanted {
        Buffer* buffer;
        uint64_t words;
    };
    Device& device = *field.device();
    for (const Wanted& wanted : {Wanted{&made.levels_, levels * 4},
                                 {&made.samples_, n * 4},
                                 {&made.features_, n * l.features()},
                                 {&made.inputs_, n * row},
                                 {&made.outputs_, n * 4},
                                 {&made.by_outputs_, n * 4},
                                 {&made.by_latent_, n * kLatent},
                                 {&made.by_features_, n * l.features()},
                                 {&made.weight_sums_, div_up(samples, kChunk) * widest},
                                 {&made.bounds_, div_up(samples, kBoundChunk) * levels},
                                 {&made.scales_, levels * 2},
                                 {&made.sums_, l.entries() * 2}}) {
        auto buffer = device.allocate(wanted.words * 4, Intent::device);
        if (!buffer) return buffer.error();
        *wanted.buffer = *buffer;
    }
    if (auto done = device.write(made.levels_, l.levels().data(), made.levels_.size()); !done)
        return done.error();
    const std::vector<int32_t> zeros(l.entries() * 2);
    if (auto done = device.write(made.sums_, zeros.data(), made.sums_.size()); !done)
        return done.error();
    return made;
}

Networks::Perceptron Networks::density() const {
    return {layout_.density(),
            layout_.features() / 4,
            kLatent / 4,
            (kLatent + layout_.harmonics()) / 4,
            false,
            features_,
            inputs_,
            by_latent_,
            by_features_};
}

Networks::Perceptron Networks::colour() const {
    return {layout_.colour(),
            (kLatent + layout_.harmonics()) / 4,
            1,
            1,
            true,
            inputs_,
            outputs_,
            by_outputs_,
            by_latent_};
}

// The first `kept` four-vectors of what it puts out.
void Networks::add_forward(LaunchList& list, const Perceptron& p, uint32_t kept) const {
    const uint32_t each = samples_each(list.device().caps());
    list.add(kernels::nerf_network::launch(
        kernels::nerf_network::Variant::main,
        {.block = list.operand(block_),
         .weights = list.operand(parameters_),
         .inputs = list.operand(p.from),
         .outputs = list.operand(p.to)},
        {.first = uint32_t(p.first / 4), .out_row = p.out_row},
        {.in = p.in,
         .out = p.out,
         .hidden = layout_.neurons(),
         .carried = p.carried,
         .kept = kept,
         .samples = each},
        fold(list.device().caps(), div_up(capacity_, kLocal * each))));
}

void Networks::add_backward(LaunchList& list, const Perceptron& p) const {
    const uint32_t hidden = layout_.neurons(), chunks = div_up(capacity_, kChunk);
    const uint32_t count = hidden * (p.in + p.out) * 4;
    const uint32_t back = uint32_t(p.carried ? kLatent / 4 : p.in);
    const uint32_t each = samples_each(list.device().caps());
    list.add(kernels::nerf_network_backward::launch(
        kernels::nerf_network_backward::Variant::main,
        {.block = list.operand(block_),
         .weights = list.operand(parameters_),
         .inputs = list.operand(p.from),
         .slopes = list.operand(p.by_to),
         .results = list.operand(p.by_from)},
        {.first = uint32_t(p.first / 4)},
        {.in = p.in,
         .out = p.out,
         .hidden = hidden,
         .carried = p.carried,
         .back = back,
         .samples = each},
        fold(list.device().caps(), div_up(capacity_, kLocal * each))));
    list.add(kernels::nerf_weights::launch(
        kernels::nerf_weights::Variant::main,
        {.block = list.operand(block_),
         .weights = list.operand(parameters_),
         .inputs = list.operand(p.from),
         .slopes = list.operand(p.by_to),
         .sums = list.operand(weight_sums_)},
        {.first = uint32_t(p.first / 4)},
        {.in = p.in, .out = p.out, .hidden = hidden, .carried = p.carried, .chunk = kChunk},
        {chunks, hidden / 32, 1}));
    list.add(kernels::nerf_weights_sum::launch(kernels::nerf_weights_sum::Variant::main,
                                               {.block = list.operand(block_),
                                                .sums = list.operand(weight_sums_),
                                                .gradient = list.operand(gradient_)},
                                               {.first = uint32_t(p.first), .count = count},
                                               {.chunk = kChunk},
                                               fold(list.device().caps(), div_up(count, kLocal))));
}

void Networks::add_encoding(LaunchList& list) const {
    const uint32_t levels = uint32_t(layout_.levels().size());
    list.add(kernels::nerf_encode::launch(kernels::nerf_encode::Variant::main,
                                          {.block = list.operand(block_),
                                           .levels = list.operand(levels_),
                                           .table = list.operand(parameters_),
                                           .samples = list.operand(samples_),
                                           .features = list.operand(features_)},
                                          {.levels = levels},
                                          {div_up(capacity_, kLocal), levels, 1}));
}

void Networks::add_forward(LaunchList& list) const {
    add_encoding(list);
    add_forward(list, density(), density().out);
    add_forward(list, colour(), colour().out);
}

void Networks::add_densities(LaunchList& list) const {
    add_encoding(list);
    Perceptron densities = density();
    densities.to = outputs_, densities.out_row = 1;
    add_forward(list, densities, 1);
}

void Networks::add_backward(LaunchList& list) const {
    add_backward(list, colour());
    add_backward(list, density());
    const uint32_t levels = uint32_t(layout_.levels().size());
    uint32_t most = 0;
    for (const FieldLayout::Level& level : layout_.levels()) most = std::max(most, level.entries);
    list.add(kernels::nerf_bound::launch(kernels::nerf_bound::Variant::main,
                                         {.block = list.operand(block_),
                                          .slopes = list.operand(by_features_),
                                          .bounds = list.operand(bounds_)},
                                         {.levels = levels},
                                         {div_up(capacity_, kBoundChunk), levels, 1}));
    list.add(kernels::nerf_scale::launch(kernels::nerf_scale::Variant::main,
                                         {.block = list.operand(block_),
                                          .bounds = list.operand(bounds_),
                                          .scales = list.operand(scales_)},
                                         {.levels = levels}, {1, 1, 1}));
    list.add(kernels::nerf_scatter::launch(kernels::nerf_scatter::Variant::main,
                                           {.block = list.operand(block_),
                                            .levels = list.operand(levels_),
                                            .samples = list.operand(samples_),
                                            .slopes = list.operand(by_features_),
                                            .scales = list.operand(scales_),
                                            .sums = list.operand(sums_)},
                                           {.levels = levels},
                                           {div_up(capacity_, kLocal), levels, 1}));
    list.add(kernels::nerf_gather::launch(kernels::nerf_gather::Variant::main,
                                          {.levels = list.operand(levels_),
                                           .scales = list.operand(scales_),
                                           .sums = list.operand(sums_),
                                           .gradient = list.operand(gradient_)},
                                          {div_up(most, 2 * kLocal), levels, 1}));
}

}   // namespace kiln
