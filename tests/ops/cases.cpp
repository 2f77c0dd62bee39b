#include "tests/ops/cases.h"

#include "runtime/base/check.h"
#include "tests/support/device.h"

namespace kiln::test {
namespace {

std::vector<float> as_floats(const Array& array) {
    return {array.values.begin(), array.values.end()};
}

// What storage in `dtype` makes of the values.
Array stored(const Array& array, DType dtype) {
    std::vector<float> values = as_floats(array);
    std::vector<std::byte> bytes(values.size() * size_of(dtype));
    from_f32(dtype, values.data(), bytes.data(), values.size());
    to_f32(dtype, bytes.data(), values.data(), values.size());
    Array result = array;
    result.values.assign(values.begin(), values.end());
    return result;
}

struct Inputs {
    std::vector<Tensor> tensors;
    std::vector<Array> arrays;

    Inputs(const OpCase& test, DType dtype) {
        for (const Array& array : test.inputs) {
            arrays.push_back(stored(array, dtype));
            tensors.push_back(input("x" + std::to_string(tensors.size()), array.shape, dtype));
        }
        for (const Shape& shape : test.index_shapes)
            tensors.push_back(input("i" + std::to_string(tensors.size()), shape, DType::i32));
    }

    void write(Graph& graph, const OpCase& test) const {
        for (size_t i = 0; i < arrays.size(); i++)
            (void)graph.write(tensors[i], as_floats(arrays[i]));
        for (size_t i = 0; i < test.indices.size(); i++)
            (void)graph.write_i32(tensors[arrays.size() + i], test.indices[i]);
    }
};

Graph compiled(const std::string& profile, const std::vector<Tensor>& outputs) {
    return take(Graph::compile(test_device(profile), outputs));
}

void check_values(const OpCase& test, const std::string& profile, DType dtype) {
    INFO(test.name << " " << name_of(dtype) << " caps '" << profile << "'");
    Inputs inputs(test, dtype);
    Tensor y = test.build(inputs.tensors);
    std::vector<Tensor> outputs{y};
    const Node& node = *y.value().node;
    if (Tensor composed = node.op->composition(node)) outputs.push_back(composed);
    Graph graph = compiled(profile, outputs);
    inputs.write(graph, test);
    take(graph.run());
    std::vector<float> first = take(graph.read());
    Array expected = test.reference(inputs.arrays);
    CHECK(y.shape() == expected.shape);
    double tolerance = dtype == DType::f32   ? test.tolerance
                       : dtype == DType::f16 ? test.half_tolerance
                                             : 8 * test.half_tolerance;   // bf16: three bits less
    CHECK(difference(first, expected.values, tolerance) == "");
    if (outputs.size() > 1)
        CHECK(difference(take(graph.read(1)), expected.values,
                         dtype == DType::f32 ? 4 * tolerance : std::max(1e-2, tolerance)) == "");
    take(graph.run());
    CHECK(take(graph.read()) == first);
}

void check_gradients(const OpCase& test, const std::string& profile) {
    INFO(test.name << " gradient, caps '" << profile << "'");
    Inputs inputs(test, DType::f32);
    Tensor y = test.build(inputs.tensors);
    Array r = random_array(y.shape(), 77);
    std::vector<Tensor> wrt(inputs.tensors.begin(),
                            inputs.tensors.begin() + long(test.inputs.size()));
    std::vector<Tensor> grads = gradient(y, constant(y.shape(), as_floats(r)), wrt);
    Graph graph = compiled(profile, grads);
    inputs.write(graph, test);
    take(graph.run());
    for (size_t i = 0; i < grads.size(); i++) {
        INFO("of input " << i);
        CHECK(grads[i].shape() == test.inputs[i].shape);
        std::vector<size_t> elements;
        auto slopes = central_differences(test.reference, inputs.arrays, i, r, 40, elements);
        std::vector<float> all = take(graph.read(i)), sampled;
        for (size_t element : elements) sampled.push_back(all[element]);
        CHECK(difference(sampled, slopes, test.gradient_tolerance) == "");
    }
}

}   // namespace

void check(const OpCase& test) {
    for (const char* profile : kProfiles) {
        check_values(test, profile, DType::f32);
        check_values(test, profile, DType::f16);
    }
    check_values(test, "", DType::bf16);
    check_values(test, "minimal", DType::bf16);
    if (test.gradient) check_gradients(test, "");
    for (const char* profile : kProfiles) check_silent(*test_device(profile));
}

std::vector<float> values_of(const Tensor& tensor, const std::string& profile) {
    return take(evaluate(test_device(profile), tensor));
}

std::string error_of(const std::function<void()>& build) {
    try {
        build();
    } catch (const ModelError& error) {
        return error.what();
    }
    return {};
}

}   // namespace kiln::test
