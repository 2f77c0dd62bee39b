// What lies between samples and what they look like, as launches: the grid's features, the two
// perceptrons, and the way back. Samples are u32 [0] of the last word of the block's band.
#pragma once
#include "modalities/nerf/field.h"
#include "modalities/splat/raster/launch_list.h"

namespace kiln {

class Networks {
public:
    // For so many samples; the field outlives this.
    static Result<Networks> create(const RadianceField& field, uint32_t samples);

    // The FieldBlock of shaders/lib/nerf.glsl, which says how many samples there are. Before add...
    void bind(const Buffer& block) { block_ = block; }
    // From samples() and the harmonics in inputs() to outputs().
    void add_forward(LaunchList& list) const;
    // From samples() to outputs(), of which only the first value is made: the log density.
    void add_densities(LaunchList& list) const;
    // From by_outputs() to the field's gradient, which it adds to.
    void add_backward(LaunchList& list) const;

    const FieldLayout& layout() const { return layout_; }
    Buffer samples() const { return samples_; }         // f32 [n, 4]: place in the cube, distance
    Buffer inputs() const { return inputs_; }           // f32 [n, 16 + harmonics]
    Buffer outputs() const { return outputs_; }         // f32 [n, 4]: raw colour, log density
    Buffer by_outputs() const { return by_outputs_; }   // f32 [n, 4]

private:
    explicit Networks(const RadianceField& field)
        : layout_(field.layout()), parameters_(field.parameters()), gradient_(field.gradient()) {}

    struct Perceptron {   // four-vectors
        uint64_t first;   // value
        uint32_t in, out, out_row;
        bool carried;
        Buffer from, to, by_to, by_from;
    };
    Perceptron density() const;
    Perceptron colour() const;
    void add_encoding(LaunchList& list) const;
    void add_forward(LaunchList& list, const Perceptron& p, uint32_t kept) const;
    void add_backward(LaunchList& list, const Perceptron& p) const;

    FieldLayout layout_;
    Buffer parameters_, gradient_, block_;
    uint32_t capacity_ = 0;
    Buffer levels_, samples_, features_, inputs_, outputs_;
    Buffer by_outputs_, by_latent_, by_features_, weight_sums_, bounds_, scales_, sums_;
};

}   // namespace kiln
