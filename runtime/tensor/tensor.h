// Tensor: a cheap value handle. It has a dtype and a shape, and is one of: an input that the caller
// fills before each run, a parameter in device memory, a small constant, or the result of an
// operator that a Graph will compute. Building tensors computes nothing.
//
// Images and sequences are channels-last everywhere: [n, h, w, c], [n, s, c], [n, t, h, w, c].
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"
#include "runtime/tensor/quantised.h"
#include "runtime/tensor/weight.h"
#include "runtime/vk/buffer.h"

namespace kiln {

struct Node;   // how a tensor is computed: runtime/graph/node.h

class Tensor {
public:
    enum class Kind : uint8_t { input, parameter, constant, computed };
    struct Value {
        Kind kind;
        DType dtype;
        Shape shape;
        std::string path;                   // module path or input name, for messages
        Buffer storage;                     // parameter that lies in device memory
        std::shared_ptr<Weight> weight;     // parameter that a graph finds memory for
        float scale = 1;                    // of a quantised parameter: of all its values
        std::vector<std::byte> data;        // constant
        std::shared_ptr<const Node> node;   // computed
    };

    Tensor() = default;
    explicit Tensor(Value value) : value_(std::make_shared<const Value>(std::move(value))) {}

    explicit operator bool() const { return bool(value_); }
    const Value& value() const;
    Kind kind() const { return value().kind; }
    DType dtype() const { return value().dtype; }
    const Shape& shape() const { return value().shape; }
    int rank() const { return shape().rank(); }
    int64_t operator[](int axis) const { return shape()[axis]; }
    uint64_t bytes() const { return stored_bytes(dtype(), shape()); }
    const std::string& path() const { return value().path; }
    const void* id() const { return value_.get(); }   // identity: equal for copies of one handle

private:
    std::shared_ptr<const Value> value_;
};

// A tensor that the caller fills with Graph::write before a run.
Tensor input(std::string name, Shape shape, DType dtype = DType::f32);

// Device memory that holds `shape` densely, such as a weight; `path` is its name in the checkpoint.
// Block types hold a matrix as runtime/tensor/quantised.h says.
Tensor parameter(std::string path, Shape shape, DType dtype, Buffer storage);

// The same without memory yet: a graph that uses it makes it resident or streams it.
Tensor parameter(std::string path, Shape shape, DType dtype, std::shared_ptr<Weight> weight);

// The same parameter with every value times `scale`: fp8 weights often have one.
Tensor scaled(const Tensor& parameter, float scale);

// Host values, uploaded once when a graph is compiled. For small tables.
Tensor constant(Shape shape, const std::vector<float>& values);
Tensor constant_i32(Shape shape, const std::vector<int32_t>& values);

}   // namespace kiln
