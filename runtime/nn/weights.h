// Weights: the tensors of one model on their way from files to device memory. A model asks for what
// it needs by name and shape while it is built; what the files lack, or hold in another shape or
// with values that are not finite, ends the construction with a ResultError that names tensor and
// file.
//
// Matrices arrive as files hold them ([out, in], [out, in, kernel...]) and leave packed as
// operators take them ([in, out], [kernel..., in, out]). Where a file keeps a weight normalised
// (weight_g and weight_v, or parametrizations.weight.original0 and 1), the model asks for `weight`
// all the same. Parameters keep their memory alive by
// themselves: the Weights and the files may go once the model is built.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/io/tensor_files.h"
#include "runtime/tensor/tensor.h"
#include "runtime/vk/device.h"

namespace kiln {

// Where a tensor that a model asks for lies in the files, when it is not simply there by its name.
struct Stored {
    std::string name;
    int part = 0, parts = 1;   // these rows of it: the q, k or v of a fused projection
    bool transposed = false;   // [in, out], as OpenCLIP keeps its text projection
};
using NameMap = std::unordered_map<std::string, Stored>;   // by the name that the model asks for

// Of matrices; vectors are always f32. as_file: f32 for f32 and f16 for 16-bit types; linear layers
// stay quantised as they are, while tables, convolutions and what cannot be packed become f16.
enum class Storage : uint8_t { as_file, f32, f16 };

struct WeightsOptions {
    Storage storage = Storage::as_file;
    NameMap names;   // empty: the model's names are the files'
    // Nothing is read yet: parameters are Weights (runtime/tensor/weight.h) that the graphs which
    // use them load. Values that are not finite are then found only there.
    bool deferred = false;
};

class Weights {
public:
    Weights(std::shared_ptr<Device> device, std::shared_ptr<const TensorFiles> files,
            WeightsOptions options = {});

    bool has(const std::string& name) const;
    std::optional<Shape> shape(const std::string& name) const;   // as in the file; none when absent

    Tensor vector(const std::string& name, int64_t count);
    // One tensor, or several with the columns side by side when a binding cannot span it whole.
    std::vector<Tensor> matrix(const std::string& name, int64_t in, int64_t out,
                               const std::vector<int64_t>& kernel = {});
    // [in, out, kernel] in the file, as transposed convolutions over a line keep theirs; leaves as
    // [kernel, in, out], in parts as matrix() does.
    std::vector<Tensor> transposed_kernel(const std::string& name, int64_t in, int64_t out,
                                          int64_t kernel);
    // Matrices [in, out] side by side as one, [in, names * out]; empty where they cannot lie so: of
    // different types, kept turned, or beyond a binding. And vectors of `count` end to end.
    Tensor joined_matrix(const std::vector<std::string>& names, int64_t in, int64_t out);
    Tensor joined_vector(const std::vector<std::string>& names, int64_t count);
    std::vector<Tensor> table(const std::string& name, int64_t rows, int64_t columns);

    // Names in the files that were asked for so far; with those of other Weights over the same
    // files they tell what no model claimed.
    const std::unordered_set<std::string>& claimed() const { return claimed_; }
    const std::shared_ptr<Device>& device() const { return device_; }
    // Those of deferred parameters, in the order in which they were asked for.
    const std::vector<std::shared_ptr<Weight>>& deferred() const { return deferred_; }

private:
    struct Found;
    Found find(const std::string& name, Shape expected);
    float scale_of(const std::string& stored_name);
    DType storage_for(DType stored, int64_t columns) const;
    Tensor add(std::vector<TensorFiles::Entry> from, const std::string& name, Shape shape,
               DType dtype, Weight::Pack pack);
    std::vector<Found> find_all(const std::vector<std::string>& names, const Shape& expected);

    std::shared_ptr<Device> device_;
    std::shared_ptr<const TensorFiles> files_;
    WeightsOptions options_;
    std::unordered_set<std::string> claimed_;   // names in the files
    std::vector<std::byte> packed_;             // one tensor in device order, on its way
    std::vector<std::shared_ptr<Weight>> deferred_;
};

// A path into the weights; s / "norm1" / 0 names a child exactly as the checkpoint does.
struct Scope {
    Weights* weights;
    std::string path;

    Scope(Weights& w, std::string p = {}) : weights(&w), path(std::move(p)) {}
    Scope operator/(std::string_view name) const { return {*weights, child(name)}; }
    Scope operator/(int index) const { return *this / std::to_string(index); }
    bool has(std::string_view name) const { return weights->has(child(name)); }
    std::string child(std::string_view name) const {
        return path.empty() ? std::string(name) : path + "." + std::string(name);
    }
};

// What is left of the files, sorted, without tensors known to carry nothing (position_ids and
// such).
std::vector<std::string> unclaimed(const TensorFiles& files,
                                   const std::unordered_set<std::string>& claimed);

}   // namespace kiln
