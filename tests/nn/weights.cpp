// Tensors on their way from files to the device: packed, converted, checked.
#include "runtime/nn/weights.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <filesystem>
#include <unistd.h>

#include "runtime/graph/graph.h"
#include "runtime/io/gguf.h"
#include "runtime/io/safetensors.h"
#include "runtime/ops/ops.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// One file of tensors, values 0, 1, 2, ... in steps of 1/8, gone at the end.
struct File {
    std::string path = (std::filesystem::temp_directory_path() /
                        ("kiln-weights-" + std::to_string(getpid()) + ".safetensors"))
                           .string();
    std::vector<std::vector<std::byte>> storage;
    std::vector<TensorToWrite> tensors;

    ~File() { std::filesystem::remove(path); }
    void add(const std::string& name, DType dtype, Shape shape, float first = 0) {
        std::vector<float> values;
        for (int64_t i = 0; i < shape.count(); i++) values.push_back(first + float(i) / 8);
        auto& bytes = storage.emplace_back(values.size() * size_of(dtype));
        from_f32(dtype, values.data(), bytes.data(), values.size());
        tensors.push_back({name, dtype, shape, {}});
    }
    Weights open(std::shared_ptr<Device> device, WeightsOptions options = {}) {
        for (size_t i = 0; i < tensors.size(); i++) tensors[i].bytes = storage[i];
        take(write_safetensors(path, tensors));
        return {std::move(device), std::make_shared<TensorFiles>(take(TensorFiles::open(path))),
                std::move(options)};
    }
};

std::vector<float> values_of(Device& device, const Tensor& tensor) {
    std::vector<std::byte> bytes(tensor.bytes());
    take(device.read(tensor.value().storage, bytes.data(), bytes.size()));
    std::vector<float> values(size_t(tensor.shape().count()));
    to_f32(tensor.dtype(), bytes.data(), values.data(), values.size());
    return values;
}

// One GGUF file, opened and then removed.
struct TemporaryGguf {
    std::shared_ptr<const TensorFiles> files;

    TemporaryGguf(const std::vector<GgufTensor>& tensors,
                  const std::function<std::vector<std::byte>(size_t)>& bytes) {
        const std::string path = (std::filesystem::temp_directory_path() /
                                  ("kiln-weights-" + std::to_string(getpid()) + ".gguf"))
                                     .string();
        take(write_gguf(path, tensors, {}, bytes));
        files = std::make_shared<TensorFiles>(take(TensorFiles::open(path)));
        std::filesystem::remove(path);
    }
};

Error failure_of(const std::function<void()>& work) {
    try {
        work();
    } catch (const ResultError& failure) {
        return failure.error;
    }
    FAIL("nothing was thrown");
    return {};
}

}   // namespace

TEST_CASE("matrices are turned, and keep half precision where it can be stored", "[gpu]") {
    const auto device = test_device();
    const DType dtype = GENERATE(DType::f32, DType::f16, DType::bf16);
    const int64_t out = GENERATE(4, 37, 68), in = GENERATE(1, 35);
    CAPTURE(name_of(dtype), out, in);
    File file;
    file.add("linear.weight", dtype, {out, in});
    file.add("conv.weight", dtype, {out, in, 3, 2});
    Weights weights = file.open(device);
    const DType stored = dtype != DType::f32 && out % 4 == 0 ? DType::f16 : DType::f32;

    const Tensor linear = weights.matrix("linear.weight", in, out).at(0);
    CHECK(linear.shape() == Shape{in, out});
    CHECK(linear.dtype() == stored);
    std::vector<float> source(size_t(out * in * 6));
    to_f32(dtype, file.storage[0].data(), source.data(), size_t(out * in));
    const std::vector<float> turned = values_of(*device, linear);
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            REQUIRE(turned[size_t(i * out + o)] == source[size_t(o * in + i)]);

    const Tensor conv = weights.matrix("conv.weight", in, out, {3, 2}).at(0);
    CHECK(conv.shape() == Shape{3, 2, in, out});
    to_f32(dtype, file.storage[1].data(), source.data(), source.size());
    const std::vector<float> packed = values_of(*device, conv);
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t k = 0; k < 6; k++)
                REQUIRE(packed[size_t((k * in + i) * out + o)] ==
                        source[size_t((o * in + i) * 6 + k)]);
    check_silent(*device);
}

TEST_CASE("1x1 convolutions, parts of fused projections and transposed tensors are found",
          "[gpu]") {
    const auto device = test_device();
    File file;
    file.add("a", DType::f32, {4, 3, 1, 1});
    file.add("fused", DType::f32, {12, 3});
    file.add("bias", DType::f32, {12});
    file.add("across", DType::f32, {3, 4});
    Weights weights =
        file.open(device, {.names = {{"a.weight", {"a"}},
                                     {"k.weight", {.name = "fused", .part = 1, .parts = 3}},
                                     {"k.bias", {.name = "bias", .part = 1, .parts = 3}},
                                     {"across.weight", {.name = "across", .transposed = true}}}});
    CHECK(values_of(*device, weights.matrix("a.weight", 3, 4).at(0))[1] == 3 / 8.0f);
    const auto k = values_of(*device, weights.matrix("k.weight", 3, 4).at(0));
    CHECK(k[0] == 12 / 8.0f);
    CHECK(k[1] == 15 / 8.0f);
    CHECK(values_of(*device, weights.vector("k.bias", 4))[3] == 7 / 8.0f);
    CHECK(values_of(*device, weights.matrix("across.weight", 3, 4).at(0))[5] == 5 / 8.0f);
    CHECK(weights.claimed().size() == 4);
    CHECK_FALSE(weights.has("fused"));
}

TEST_CASE("normalised weights are folded in either spelling", "[gpu]") {
    const auto device = test_device();
    const auto [g_name, v_name] = GENERATE(std::pair("layer.weight_g", "layer.weight_v"),
                                           std::pair("layer.parametrizations.weight.original0",
                                                     "layer.parametrizations.weight.original1"));
    const DType dtype = GENERATE(DType::f32, DType::f16);
    constexpr int64_t kRows = 3, kColumns = 8, kTaps = 5;
    File file;
    file.add(g_name, DType::f32, {kRows, 1, 1}, 2);
    file.add(v_name, dtype, {kRows, kColumns, kTaps}, -1);
    Weights weights = file.open(device);
    CHECK(weights.has("layer.weight"));

    std::vector<float> v(size_t(kRows * kColumns * kTaps));
    to_f32(dtype, file.storage[1].data(), v.data(), v.size());
    const auto expected = [&](int64_t row, int64_t column, int64_t tap) {
        double square = 0;
        for (int64_t i = 0; i < kColumns * kTaps; i++)
            square += std::pow(v[size_t(row * kColumns * kTaps + i)], 2);
        return (2 + double(row) / 8) / std::sqrt(square) *
               v[size_t((row * kColumns + column) * kTaps + tap)];
    };
    const auto conv =
        values_of(*device, weights.matrix("layer.weight", kColumns, kRows, {kTaps})[0]);
    const auto back =
        values_of(*device, weights.transposed_kernel("layer.weight", kRows, kColumns, kTaps)[0]);
    const double tolerance = dtype == DType::f16 ? 1e-3 : 1e-6;
    for (int64_t r = 0; r < kRows; r++)
        for (int64_t c = 0; c < kColumns; c++)
            for (int64_t t = 0; t < kTaps; t++) {
                const double e = expected(r, c, t);
                REQUIRE(std::abs(conv[size_t((t * kColumns + c) * kRows + r)] - e) < tolerance);
                REQUIRE(std::abs(back[size_t((t * kRows + r) * kColumns + c)] - e) < tolerance);
            }
    CHECK(weights.claimed() == std::unordered_set<std::string>{g_name, v_name});
}

TEST_CASE("normalised weights without a length a row, or without direction, are refused", "[gpu]") {
    const auto device = test_device();
    File file;
    file.add("a.weight_g", DType::f32, {4, 1, 1});
    file.add("a.weight_v", DType::f32, {3, 4, 5});
    file.add("b.weight_g", DType::f32, {1, 1, 1}, 1);
    file.add("b.weight_v", DType::f32, {1, 1, 1});
    file.add("c.weight_v", DType::f32, {3, 4, 5});
    Weights weights = file.open(device);
    CHECK(failure_of([&] { weights.matrix("a.weight", 4, 3, {5}); }).message ==
          file.path + ": tensor \"a.weight_g\" has shape [4, 1, 1]; expected one length a row");
    CHECK(failure_of([&] { weights.matrix("b.weight", 1, 1, {1}); }).status == Status::not_finite);
    CHECK(failure_of([&] { weights.matrix("c.weight", 4, 3, {5}); }).message ==
          file.path + ": tensor \"c.weight\" is missing; expected shape [3, 4, 5]");
}

TEST_CASE("what is missing, misshapen or not finite is named", "[gpu]") {
    const auto device = test_device();
    File file;
    file.add("good", DType::f32, {3});
    file.add("nan", DType::f16, {4, 4}, NAN);
    file.add("whole", DType::i32, {3});
    Weights weights = file.open(device);
    const Error missing = failure_of([&] { weights.vector("gone", 3); });
    CHECK(missing.status == Status::bad_file);
    CHECK(missing.message == file.path + ": tensor \"gone\" is missing; expected shape [3]");
    CHECK(failure_of([&] { weights.vector("good", 4); }).message ==
          file.path + ": tensor \"good\" has shape [3]; expected [4]");
    CHECK(failure_of([&] { weights.vector("whole", 3); }).message ==
          file.path + ": tensor \"whole\" has type I32; expected floats");
    const Error nan = failure_of([&] { weights.matrix("nan", 4, 4); });
    CHECK(nan.status == Status::not_finite);
    CHECK(nan.message == file.path + ": tensor \"nan\" holds NaN or infinity");
}

TEST_CASE("scaled 8-bit weights are multiplied by their scale", "[gpu]") {
    const auto device = test_device();
    File file;
    file.add("layer.weight", DType::f8_e4m3, {8, 4});
    file.add("layer.scale_weight", DType::f32, {1}, 2);
    file.add("scaled_fp8", DType::f8_e4m3, {1});
    Weights weights = file.open(device);
    const Tensor weight = weights.matrix("layer.weight", 4, 8).at(0);
    CHECK(weight.dtype() == DType::f8_e4m3);
    CHECK(weight.value().scale == 2);
    CHECK(values_of(*device, weight)[1] == 4 / 8.0f);
    Weights plain = file.open(device, {.storage = Storage::f16});
    CHECK(values_of(*device, plain.matrix("layer.weight", 4, 8).at(0))[1] == 2 * 4 / 8.0f);
    CHECK(unclaimed(TensorFiles(take(TensorFiles::open(file.path))), weights.claimed()).empty());
}

TEST_CASE("linear layers stay quantised in device memory, all else becomes f16", "[gpu]") {
    const auto device = test_device();
    const int64_t in = 1024, out = 768;
    std::vector<float> values(size_t(in * out));
    for (size_t i = 0; i < values.size(); i++) values[i] = float(i * 37 % 101) / 50 - 1;
    const std::vector<GgufTensor> tensors = {{"fused.weight", DType::q4_k, {out, in}},
                                             {"table.weight", DType::q8_0, {out, in}},
                                             {"bad.weight", DType::q8_0, {4, 32}}};
    std::vector<std::byte> fused;
    const TemporaryGguf file(tensors, [&](size_t i) {
        std::vector<std::byte> bytes(bytes_of(tensors[i].dtype, tensors[i].shape.count()));
        from_f32(tensors[i].dtype, values.data(), bytes.data(), size_t(tensors[i].shape.count()));
        if (i == 0) fused = bytes;
        if (i == 2) bytes[1] = std::byte(0x7e);
        return bytes;
    });
    Weights weights(device, file.files,
                    {.names = {{"q", {"fused.weight", 0, 3}},
                               {"k", {"fused.weight", 1, 3}},
                               {"table", {"table.weight"}},
                               {"bad", {"bad.weight"}}}});
    std::vector<float> kept(values.size());
    to_f32(DType::q4_k, fused.data(), kept.data(), kept.size());

    const Tensor k = weights.matrix("k", in, out / 3).at(0);
    CHECK(k.dtype() == DType::q4_k);
    CHECK(k.value().storage.size() < uint64_t(in * out / 3) * 5 / 8);
    const auto dense = take(evaluate(device, cast(k, DType::f32)));
    for (int64_t i = 0; i < in; i += 7)
        for (int64_t o = 0; o < out / 3; o += 5)
            REQUIRE(std::abs(dense[size_t(i * (out / 3) + o)] -
                             kept[size_t((out / 3 + o) * in + i)]) < 1e-6f);

    const Tensor table = weights.table("table", out, in).at(0);
    CHECK(table.dtype() == DType::f16);
    CHECK(std::abs(values_of(*device, table)[5] - values[5]) < 0.01f);
    CHECK(failure_of([&] { weights.matrix("bad", 32, 4); }).status == Status::not_finite);
    Weights plain(device, file.files,
                  {.storage = Storage::f32, .names = {{"q", {"fused.weight", 0, 3}}}});
    CHECK(plain.matrix("q", in, out / 3).at(0).dtype() == DType::f32);
    check_silent(*device);
}

TEST_CASE("matrices that lie side by side hold what each of them does", "[gpu]") {
    const auto device = test_device();
    const DType dtype = GENERATE(DType::f32, DType::f16, DType::q8_0, DType::q5_0, DType::q6_k,
                                 DType::q4_k, DType::f8_e4m3);
    const int64_t in = 256, out = 44, all = 3 * out;
    File plain;
    const std::vector<std::string> names{"q.weight", "k.weight", "v.weight"};
    std::vector<GgufTensor> tensors;
    for (const std::string& name : names) tensors.push_back({name, dtype, {out, in}});
    std::shared_ptr<const TensorFiles> files;
    auto values = [&](size_t i) {
        std::vector<float> v(size_t(in * out));
        for (size_t j = 0; j < v.size(); j++) v[j] = float((j + i * 17) * 37 % 101) / 50 - 1;
        return v;
    };
    if (dtype == DType::f8_e4m3) {
        for (const std::string& name : names) plain.add(name, dtype, {out, in}, -3);
        for (const char* scale : {"q.scale_weight", "k.scale_weight", "v.scale_weight"})
            plain.add(scale, DType::f32, {1}, 2);
        plain.open(device);
        files = std::make_shared<TensorFiles>(take(TensorFiles::open(plain.path)));
    } else {
        files = TemporaryGguf(tensors, [&](size_t i) {
                    std::vector<std::byte> bytes(bytes_of(dtype, in * out));
                    from_f32(dtype, values(i).data(), bytes.data(), size_t(in * out));
                    return bytes;
                }).files;
    }
    Weights weights(device, files);
    const Tensor joined = weights.joined_matrix(names, in, out);
    REQUIRE(joined);
    CHECK(joined.shape() == Shape{in, all});
    CHECK(joined.dtype() == dtype);
    const auto whole = take(evaluate(device, cast(joined, DType::f32)));
    for (size_t n = 0; n < names.size(); n++) {
        INFO(name_of(dtype) << " " << names[n]);
        const auto part =
            take(evaluate(device, cast(weights.matrix(names[n], in, out).at(0), DType::f32)));
        size_t different = 0;
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++)
                different +=
                    whole[size_t(i * all + int64_t(n) * out + o)] != part[size_t(i * out + o)];
        CHECK(different == 0);
    }
    check_silent(*device);
}

TEST_CASE("matrices of different types or scales are not joined", "[gpu]") {
    const auto device = test_device();
    File file;
    file.add("a.weight", DType::f8_e4m3, {8, 4});
    file.add("a.scale_weight", DType::f32, {1}, 2);
    file.add("b.weight", DType::f8_e4m3, {8, 4});
    file.add("b.scale_weight", DType::f32, {1}, 3);
    file.add("c.weight", DType::f16, {8, 4});
    file.add("a.bias", DType::f16, {2}, 1);
    file.add("b.bias", DType::f32, {2}, 5);
    Weights weights = file.open(device);
    CHECK_FALSE(weights.joined_matrix({"a.weight", "b.weight"}, 4, 8));
    CHECK_FALSE(weights.joined_matrix({"a.weight", "c.weight"}, 4, 8));
    const Tensor bias = weights.joined_vector({"a.bias", "b.bias"}, 2);
    CHECK(values_of(*device, bias) == std::vector<float>{1, 1.125f, 5, 5.125f});
}

TEST_CASE("device memory holds a quantised matrix in the bits of its file", "[gpu]") {
    const auto device = test_device();
    const int64_t in = 8192, out = 8192;   // 37.7 MB in q4_0, 134 MB in f16
    const TemporaryGguf file({{"w", DType::q4_0, {out, in}}}, [&](size_t) {
        std::vector<std::byte> bytes(bytes_of(DType::q4_0, in * out));
        for (size_t i = 0; i < bytes.size(); i++) bytes[i] = std::byte(i % 18 == 1 ? 0x20 : i);
        return bytes;
    });
    const uint64_t before = device->memory().held;
    Weights weights(device, file.files);
    const Tensor w = weights.matrix("w", in, out).at(0);
    CHECK(w.dtype() == DType::q4_0);
    CHECK(device->memory().held - before < uint64_t(64) << 20);
}

TEST_CASE("a tensor larger than a binding comes in parts, side by side", "[gpu][.nightly]") {
    const auto device = test_device("minimal");
    const int64_t in = int64_t(device->caps().binding_range / 4 / 128) + 1, out = 192;
    File file;
    file.add("big", DType::f16, {out, in});
    Weights weights = file.open(device, {.storage = Storage::f32});
    const std::vector<Tensor> parts = weights.matrix("big", in, out);
    REQUIRE(parts.size() == 3);
    for (const Tensor& part : parts) CHECK(part.shape() == Shape{in, 64});
}
