#include "runtime/io/quantise.h"

#include <cmath>

#include "runtime/io/safetensors.h"
#include "tests/io/files.h"

using namespace kiln;

static DType form(const char* name, DType stored, Shape shape, DType type) {
    TensorInfo info;
    info.name = name, info.dtype = stored, info.shape = std::move(shape);
    return quantised_form(info, type);
}

TEST_CASE("linear layers take the type, all else the nearest that keeps its values") {
    CHECK(form("a.weight", DType::f32, {8, 256}, DType::q4_k) == DType::q4_k);
    CHECK(form("a.weight", DType::f32, {8, 320}, DType::q4_k) == DType::q5_0);
    CHECK(form("a.weight", DType::f32, {8, 320}, DType::q5_k) == DType::q5_1);
    CHECK(form("a.weight", DType::f32, {8, 320}, DType::q6_k) == DType::q8_0);
    CHECK(form("a.weight", DType::f32, {8, 320}, DType::q4_0) == DType::q4_0);
    CHECK(form("a.weight", DType::f32, {8, 33}, DType::q8_0) == DType::f16);
    CHECK(form("a.weight", DType::q8_0, {8, 256}, DType::f16) == DType::f16);
    CHECK(form("conv.weight", DType::f32, {8, 32, 3, 32}, DType::q8_0) == DType::f16);
    CHECK(form("text.token_embedding.weight", DType::f32, {8, 32}, DType::q8_0) == DType::f16);
    CHECK(form("a.bias", DType::bf16, {32}, DType::q8_0) == DType::f32);
    CHECK(form("a.bias", DType::f16, {32}, DType::q8_0) == DType::f16);
    CHECK(form("position_ids", DType::i64, {1, 77}, DType::q8_0) == DType::i64);
}

TEST_CASE("a quantised file holds what the model held") {
    TemporaryFolder folder;
    std::vector<float> values(4 * 64);
    for (size_t i = 0; i < values.size(); i++) values[i] = std::sin(float(i));
    const auto bytes = std::as_bytes(std::span(values));
    const std::string from = folder / "m.safetensors", to = folder / "m.gguf";
    take(write_safetensors(from,
                           {{"w", DType::f32, {4, 64}, bytes},
                            {"conv", DType::f32, {4, 4, 4, 4}, bytes},
                            {"b", DType::f32, {2}, bytes.first(8)}},
                           {{"title", "t"}}));
    size_t heard = 0;
    take(write_quantised(to, take(TensorFiles::open(from)), DType::q8_0,
                         [&](size_t i, size_t all) { heard += i < all && all == 3; }));
    CHECK(heard == 3);
    const TensorFiles files = take(TensorFiles::open(to));
    CHECK(files.metadata().at("title") == "t");
    const auto near = [&](const char* name, const char* type, float limit) {
        const auto entry = files.find(name).value();
        CHECK(entry.info->stored_type == type);
        const auto read = take(entry.file->values(*entry.info));
        float worst = 0;
        for (size_t i = 0; i < read.size(); i++)
            worst = std::max(worst, std::abs(read[i] - values[i]));
        CHECK(worst <= limit);
    };
    near("w", "Q8_0", 0.5f / 127 + 1e-3f);
    near("conv", "F16", 0.0005f);
    near("b", "F32", 0);
    // Once more from the result, without a word about what the first time added.
    take(write_quantised(folder / "again.gguf", files, DType::q4_0));
    CHECK(take(TensorFiles::open(folder / "again.gguf")).find("w")->info->stored_type == "Q4_0");
}

TEST_CASE("what cannot be quantised is named") {
    TemporaryFolder folder;
    const float values[] = {NAN, 1, 2, 3};
    const auto bytes = std::as_bytes(std::span(values));
    const auto attempt = [&](const std::string& name, DType dtype, Shape shape) {
        const std::string path = folder / "m.safetensors";
        take(write_safetensors(
            path, {{name, dtype, shape, bytes.first(size_t(shape.count()) * size_of(dtype))}}));
        return write_quantised(folder / "m.gguf", take(TensorFiles::open(path)), DType::q8_0);
    };
    CHECK(attempt("w", DType::f32, {2, 2}).error().status == Status::not_finite);
    fails_with(attempt("w", DType::u8, {2}), "tensor \"w\": GGUF has no type U8");
    fails_with(attempt("w", DType::f16, {1, 1, 1, 1, 2}), "more than the four axes");
    fails_with(attempt("w.scale_weight", DType::f32, {1}), "scales fp8 weights");
    CHECK(folder.count() == 1);
}
