#include "runtime/tensor/tensor.h"

#include <span>

#include "runtime/base/check.h"

namespace kiln {

const Tensor::Value& Tensor::value() const {
    ensure(bool(value_), "a tensor that was assigned");
    return *value_;
}

Tensor input(std::string name, Shape shape, DType dtype) {
    return Tensor({.kind = Tensor::Kind::input,
                   .dtype = dtype,
                   .shape = std::move(shape),
                   .path = std::move(name)});
}

Tensor parameter(std::string path, Shape shape, DType dtype, Buffer storage) {
    ensure(storage.size() >= stored_bytes(dtype, shape), "storage that holds the parameter");
    return Tensor({.kind = Tensor::Kind::parameter,
                   .dtype = dtype,
                   .shape = std::move(shape),
                   .path = std::move(path),
                   .storage = std::move(storage)});
}

Tensor parameter(std::string path, Shape shape, DType dtype, std::shared_ptr<Weight> weight) {
    ensure(weight && weight->bytes() >= stored_bytes(dtype, shape),
           "a weight that holds the parameter");
    return Tensor({.kind = Tensor::Kind::parameter,
                   .dtype = dtype,
                   .shape = std::move(shape),
                   .path = std::move(path),
                   .weight = std::move(weight)});
}

Tensor scaled(const Tensor& parameter, float scale) {
    ensure(is_quantised(parameter.dtype()), "a quantised parameter");
    Tensor::Value value = parameter.value();
    value.scale *= scale;
    return Tensor(std::move(value));
}

template <class T>
static Tensor constant_of(Shape shape, const std::vector<T>& values, DType dtype) {
    ensure(int64_t(values.size()) == shape.count(), "as many values as the shape has");
    const auto bytes = std::as_bytes(std::span(values));
    std::vector<std::byte> data(bytes.begin(), bytes.end());
    return Tensor({.kind = Tensor::Kind::constant,
                   .dtype = dtype,
                   .shape = std::move(shape),
                   .data = std::move(data)});
}

Tensor constant(Shape shape, const std::vector<float>& values) {
    return constant_of(std::move(shape), values, DType::f32);
}
Tensor constant_i32(Shape shape, const std::vector<int32_t>& values) {
    return constant_of(std::move(shape), values, DType::i32);
}

}   // namespace kiln
