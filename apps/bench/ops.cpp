#include "apps/bench/ops.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "runtime/graph/graph.h"
#include "runtime/ops/ops.h"

namespace kiln::bench {
namespace {

using Inputs = std::vector<Tensor>;

std::function<Inputs(DType)> inputs_of(std::vector<Shape> shapes) {
    return [shapes](DType dtype) {
        Inputs inputs;
        for (const Shape& shape : shapes)
            inputs.push_back(input("x" + std::to_string(inputs.size()), shape, dtype));
        return inputs;
    };
}

OpCase matmul_case(int64_t m, int64_t n, int64_t k) {
    std::string name =
        "matmul " + std::to_string(m) + "x" + std::to_string(n) + "x" + std::to_string(k);
    return {"matmul", name, inputs_of({{m, k}, {k, n}}),
            [](const Inputs& x) { return matmul(x[0], x[1]); },
            2.0 * double(m) * double(n) * double(k)};
}

// Weights in `type`: the speed of products that read it, or make it plain first.
OpCase quantised_case(DType type, int64_t m, int64_t n, int64_t k) {
    std::string name = "linear " + std::to_string(m) + "x" + std::to_string(n) + "x" +
                       std::to_string(k) + " " + std::string(name_of(type));
    auto inputs = [=](DType dtype) {
        return Inputs{input("x", {m, k}, dtype), input("w", {k, n}, type)};
    };
    return {"linear", name, inputs, [](const Inputs& x) { return linear(x[0], x[1]); },
            2.0 * double(m) * double(n) * double(k)};
}

OpCase conv_case(int kernel, int64_t c_in, int64_t c_out, int64_t size) {
    std::string name = "conv " + std::to_string(kernel) + "x" + std::to_string(kernel) + " " +
                       std::to_string(c_in) + "->" + std::to_string(c_out) + " at " +
                       std::to_string(size) + "x" + std::to_string(size);
    int before = kernel / 2;
    auto build = [before](const Inputs& x) {
        ConvOptions options;
        options.pad_before = options.pad_after = {before, before};
        return conv(x[0], x[1], x[2], options);
    };
    double flops = 2.0 * kernel * kernel * double(c_in * c_out) * double(size * size);
    return {"conv", name,
            inputs_of({{1, size, size, c_in}, {kernel, kernel, c_in, c_out}, {c_out}}), build,
            flops};
}

OpCase attention_case(int64_t queries, int64_t keys, int heads, int64_t head) {
    std::string name = "attention " + std::to_string(queries) + "x" + std::to_string(keys) + ", " +
                       std::to_string(heads) + " heads of " + std::to_string(head);
    int64_t c = heads * head;
    auto build = [heads](const Inputs& x) { return attention(x[0], x[1], x[2], {.heads = heads}); };
    return {"attention", name, inputs_of({{1, queries, c}, {1, keys, c}, {1, keys, c}}), build,
            4.0 * double(queries) * double(keys) * double(c)};
}

// Operators that move more than they compute; `flops` an element of the first input.
OpCase light_case(const char* op, Shape shape, double flops,
                  std::function<Tensor(const Tensor&)> f) {
    double count = double(shape.count());
    return {op, std::string(op) + " " + to_string(shape), inputs_of({shape}),
            [f](const Inputs& x) { return f(x[0]); }, flops * count};
}

std::vector<OpCase> make_cases() {
    std::vector<OpCase> cases = {
        matmul_case(1024, 1024, 1024),      matmul_case(4096, 320, 320),
        matmul_case(4096, 2560, 320),       matmul_case(77, 768, 3072),
        conv_case(3, 320, 320, 64),         conv_case(3, 640, 640, 32),
        conv_case(3, 1280, 1280, 16),       conv_case(1, 320, 320, 64),
        conv_case(3, 128, 128, 256),        attention_case(4096, 4096, 8, 40),
        attention_case(1024, 1024, 8, 80),  attention_case(4096, 77, 8, 40),
        attention_case(1024, 1024, 1, 512),
    };
    for (DType type : {DType::f16, DType::q8_0, DType::q6_k, DType::q5_k, DType::q5_0, DType::q4_k,
                       DType::q4_0, DType::f8_e4m3})
        cases.push_back(quantised_case(type, 1024, 1280, 1280));
    Shape image{1, 64, 64, 320};
    cases.push_back(light_case("group_norm", image, 8,
                               [](const Tensor& x) { return group_norm(x, 32, {}, {}, 1e-5f); }));
    cases.push_back(light_case("layer_norm", {4096, 320}, 8,
                               [](const Tensor& x) { return layer_norm(x, {}, {}, 1e-5f); }));
    cases.push_back(
        light_case("softmax", {4096, 1024}, 5, [](const Tensor& x) { return softmax(x); }));
    cases.push_back(light_case("silu", image, 4, [](const Tensor& x) { return silu(x); }));
    cases.push_back(light_case("geglu", {4096, 2560}, 8, [](const Tensor& x) { return geglu(x); }));
    cases.push_back(light_case("add", image, 1, [](const Tensor& x) { return x + x; }));
    cases.push_back(light_case("permute", image, 0, [](const Tensor& x) {
        return permute(x, {0, 3, 1, 2});
    }));
    cases.push_back(light_case("upsample", image, 0,
                               [](const Tensor& x) { return upsample_nearest(x, 128, 128); }));
    cases.push_back(
        light_case("stft", {1, 160000}, 100, [](const Tensor& x) { return stft(x, {}); }));
    size_t in_f32 = cases.size();
    for (size_t i = 0; i < in_f32; i++) {
        cases.push_back(cases[i]);
        cases.back().dtype = DType::f16;
    }
    return cases;
}

// Values between -1 and 1 that differ, from a linear congruential generator (Knuth, MMIX).
std::vector<float> values(int64_t count, uint64_t state) {
    std::vector<float> v(size_t(count), 0.0f);
    for (float& x : v) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        x = float(double(state >> 40) / double(1 << 23) - 1.0);
    }
    return v;
}

double seconds_now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}   // namespace

const std::vector<OpCase>& op_cases() {
    static const std::vector<OpCase> cases = make_cases();
    return cases;
}

std::vector<OpCase> wanted_cases(const std::string& what) {
    std::vector<OpCase> wanted;
    for (const OpCase& c : op_cases())
        if (what == "ops" || what == c.op || what == c.name) wanted.push_back(c);
    long m = 0, n = 0, k = 0;
    int end = 0;
    if (!wanted.empty() ||
        std::sscanf(what.c_str(), "matmul %ldx%ldx%ld%n", &m, &n, &k, &end) < 3 ||
        size_t(end) != what.size() || std::min({m, n, k}) < 1)
        return wanted;
    for (DType dtype : {DType::f32, DType::f16}) {
        wanted.push_back(matmul_case(m, n, k));
        wanted.back().dtype = dtype;
    }
    return wanted;
}

Result<Timing> time_op(std::shared_ptr<Device> device, const OpCase& op_case, double seconds,
                       const std::function<bool()>& cancelled) try {
    Inputs inputs = op_case.inputs(op_case.dtype);
    Tensor result = op_case.build(inputs);
    GraphOptions options;
    options.timed = device->caps().timestamp_ns > 0;
    Graph graph = take(Graph::compile(device, {result}, options));
    double bytes = double(result.bytes());
    for (size_t i = 0; i < inputs.size(); i++) {
        take(graph.write(inputs[i], values(inputs[i].shape().count(), i + 1)));
        bytes += double(inputs[i].bytes());
    }
    take(graph.run(cancelled));
    std::vector<double> times;
    for (double start = seconds_now(); times.size() < 3 || seconds_now() - start < seconds;) {
        double before = seconds_now();
        take(graph.run(cancelled));
        double sum = 0;
        for (const KernelTime& kernel : graph.times()) sum += kernel.milliseconds;
        times.push_back(options.timed ? sum : (seconds_now() - before) * 1000);
    }
    std::nth_element(times.begin(), times.begin() + long(times.size() / 2), times.end());
    return Timing{times[times.size() / 2], bytes, int(times.size())};
} catch (const ResultError& e) {
    return e.error;
}

}   // namespace kiln::bench
