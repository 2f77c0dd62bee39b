#include "runtime/io/gguf.h"

#include <cmath>

#include "runtime/base/blocks.h"
#include "runtime/io/safetensors.h"
#include "runtime/io/tensor_files.h"
#include "tests/io/files.h"

using namespace kiln;

namespace {

// The parts of a file as bytes.
template <class T>
std::string n(T value) {
    return std::string(as_text(std::as_bytes(std::span(&value, 1))));
}
std::string text(std::string_view s) { return n<uint64_t>(s.size()) + std::string(s); }
std::string start(uint64_t tensors, uint64_t entries, uint32_t version = 3) {
    return "GGUF" + n(version) + n(tensors) + n(entries);
}
std::string tensor(std::string_view name, std::vector<uint64_t> dims, uint32_t type,
                   uint64_t offset) {
    std::string all = text(name) + n(uint32_t(dims.size()));
    for (uint64_t d : dims) all += n(d);
    return all + n(type) + n(offset);
}
std::string with_data(std::string header, size_t bytes) {
    header.resize((header.size() + 31) / 32 * 32 + bytes);
    return header;
}
Result<Gguf> parse(const std::string& bytes) { return Gguf::parse(as_bytes(bytes), "m.gguf"); }

constexpr uint32_t kF32 = 0, kQ4_0 = 2, kQ2_K = 10, kQ4_K = 12;

}   // namespace

TEST_CASE("blocks decode to the values that the gguf package gives, and encode to its bytes") {
    const Safetensors golden = take(Safetensors::open(KILN_GOLDEN_DIR "/io/blocks.safetensors"));
    const std::vector<float> given = take(golden.values(*golden.find("given")));
    for (DType type : {DType::q8_0, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q4_k,
                       DType::q5_k, DType::q6_k}) {
        std::string name(name_of(type));
        for (char& c : name) c = char(std::toupper(c));
        CAPTURE(name);
        const auto expected = take(golden.values(*golden.find(name + ".values")));
        std::vector<float> values(expected.size());
        to_f32(type, golden.bytes(*golden.find(name + ".blocks")).data(), values.data(),
               values.size());
        for (size_t i = 0; i < values.size(); i++)
            REQUIRE(std::abs(values[i] - expected[i]) <= 1e-6f * std::abs(expected[i]) + 1e-7f);
        const TensorInfo* quantised = golden.find(name + ".quantised");
        CHECK(bool(quantised) == (block_format(type).elements == 32));
        if (!quantised) continue;
        const auto bytes = golden.bytes(*quantised);
        std::vector<std::byte> ours(bytes.size());
        from_f32(type, given.data(), ours.data(), given.size());
        CHECK(std::equal(ours.begin(), ours.end(), bytes.begin()));
    }
}

TEST_CASE("a file that the gguf package wrote is read") {
    const Gguf file = take(Gguf::open(KILN_GOLDEN_DIR "/io/reference.gguf"));
    CHECK(file.format() == "GGUF");
    CHECK(file.metadata().at("general.architecture") == "sd1");
    CHECK(file.metadata().at("general.name") == "caf\xc3\xa9");
    CHECK(file.metadata().at("a.float") == "0.500000");
    CHECK(file.metadata().at("a.list") == "[1, 2, 3]");
    CHECK(file.metadata().at("a.words") == "[20 values]");
    CHECK(file.metadata().at("a.flag") == "true");
    REQUIRE(file.tensors().size() == 4);
    const TensorInfo *plain = file.find("plain"), *half = file.find("half"),
                     *quantised = file.find("quantised"), *folded = file.find("folded");
    REQUIRE((plain && half && quantised && folded));
    CHECK(plain->shape == Shape{3, 64});
    CHECK(half->shape == Shape{3, 5});
    CHECK(half->stored_type == "F16");
    CHECK(quantised->shape == Shape{3, 64});
    CHECK(quantised->dtype == DType::q8_0);
    CHECK(folded->shape == Shape{4, 64});
    const auto values = take(file.values(*plain)), near = take(file.values(*quantised));
    CHECK(values[70] == 70 / 8.0f);
    CHECK(take(file.values(*half))[6] == 65 / 8.0f);
    for (size_t i = 0; i < values.size(); i++) CHECK(std::abs(near[i] - values[i]) < 0.1f);
    CHECK(take(file.values(*folded)).size() == 256);
}

TEST_CASE("tensors come back as write_gguf was given them, from a model's folder too") {
    TemporaryFolder folder;
    std::vector<float> values(2 * 256);
    for (size_t i = 0; i < values.size(); i++) values[i] = float(i % 37) - 18;
    const std::vector<GgufTensor> tensors = {{"b", DType::q6_k, {2, 256}},
                                             {"a", DType::f16, {2, 1, 4, 64}},
                                             {"s", DType::f32, {}},
                                             {"none", DType::f32, {0, 3}}};
    const std::string path = folder / "diffusion_pytorch_model.gguf";
    take(write_gguf(path, tensors, {{"general.name", "n"}}, [&](size_t i) {
        const size_t count = size_t(tensors[i].shape.count());
        std::vector<std::byte> bytes(bytes_of(tensors[i].dtype, int64_t(count)));
        from_f32(tensors[i].dtype, values.data(), bytes.data(), count);
        return bytes;
    }));
    const TensorFiles files = take(TensorFiles::open(folder.path.string()));
    CHECK(files.path() == path);
    CHECK(files.metadata().at("general.name") == "n");
    CHECK(files.metadata().at("general.quantization_version") == "2");
    CHECK(files.entries().size() == 4);
    const auto read = [&](const char* name) {
        const auto entry = files.find(name).value();
        return std::pair(entry.info->shape, take(entry.file->values(*entry.info)));
    };
    CHECK(read("a") == std::pair(Shape{2, 1, 4, 64}, values));
    CHECK(read("s") == std::pair(Shape{}, std::vector<float>{-18}));
    CHECK(read("none").second.empty());
    const auto [shape, near] = read("b");
    CHECK(shape == Shape{2, 256});
    for (size_t i = 0; i < near.size(); i++) CHECK(std::abs(near[i] - values[i]) < 0.7f);
}

TEST_CASE("what is wrong with a GGUF file is said") {
    const auto one = [](std::vector<uint64_t> dims, uint32_t type, uint64_t offset, size_t data) {
        return parse(with_data(start(1, 0) + tensor("w", std::move(dims), type, offset), data));
    };
    CHECK(one({4, 2}, kF32, 0, 32).ok());
    CHECK(one({4, 2}, kF32, 32, 64).ok());
    fails_with(one({4, 2}, kF32, 0, 31), "m.gguf: tensor \"w\": truncated: ends at byte 32");
    fails_with(one({4, 2}, kF32, 32, 63), "ends at byte 64 of the data, found 63");
    fails_with(one({4, 2}, kF32, 16, 64), "begins at 16, expected a multiple of 32");
    fails_with(one({4, 2}, kF32, ~0ull - 31, 64), "the offset overflows");
    fails_with(one({1ull << 40, 1ull << 40}, kF32, 0, 64), "the shape overflows");
    fails_with(one({0, 1ull << 40, 1ull << 40}, kF32, 0, 64), "the shape overflows");
    CHECK(one({0, 1ull << 40}, kF32, 0, 0).ok());
    fails_with(one({1ull << 63}, kF32, 0, 64), "the shape overflows");
    fails_with(one({33, 2}, kQ4_0, 0, 64), "rows of 33 are not whole blocks of Q4_0");
    fails_with(one({128, 2}, kQ4_K, 0, 1024), "rows of 128 are not whole blocks of Q4_K");
    fails_with(one({}, kQ4_0, 0, 64), "are not whole blocks");
    fails_with(one({4}, 4, 0, 64), "the unknown type 4");
    fails_with(one({1, 1, 1, 1, 1}, kF32, 0, 64), "5 dimensions");

    fails_with(parse("GGU"), "not a GGUF file");
    fails_with(parse("GGUF"), "truncated: the header goes on at byte 4");
    fails_with(parse(start(0, 0, 1)), "version 1; Kiln reads 2 and 3");
    fails_with(parse(start(0, 0, 0x03000000)), "a big-endian file");
    fails_with(parse(start(1ull << 60, 0)), "truncated: 1152921504606846976 tensors cannot lie");
    fails_with(parse(start(0, 1ull << 60)), "metadata entries cannot lie");
    fails_with(
        parse(with_data(start(2, 0) + tensor("w", {8}, kF32, 0) + tensor("w", {8}, kF32, 32), 64)),
        "\"w\" stands twice");
    fails_with(
        parse(with_data(start(2, 0) + tensor("a", {9}, kF32, 0) + tensor("b", {8}, kF32, 32), 64)),
        "tensor \"b\": overlaps its neighbour: begins at 32, expected 36 or more");
}

TEST_CASE("metadata are distrusted as well") {
    const auto entries = [](uint64_t count, const std::string& bytes) {
        return parse(start(0, count) + bytes + std::string(64, '\0'));
    };
    const uint32_t u32 = 4, string = 8, list = 9;
    CHECK(entries(1, text("k") + n(u32) + n(7u)).ok());
    fails_with(entries(1, text("k") + n(13u) + n(7u)), "metadata of the unknown type 13");
    fails_with(entries(1, n(1ull << 40)), "a name of 1099511627776 bytes");
    fails_with(entries(1, text("k") + n(string) + n(~0ull)), "truncated: the header goes on");
    fails_with(entries(1, text("k") + n(list) + n(u32) + n(1ull << 62)), "values cannot lie in");
    fails_with(entries(1, text("k") + n(list) + n(list) + n(1ull)), "a list of lists");
    fails_with(entries(1, text("k") + n(list) + n(99u) + n(1ull)), "the unknown type 99");
    const std::string key = text("general.alignment") + n(u32);
    CHECK(entries(1, key + n(64u)).ok());
    for (uint32_t wrong : {0u, 3u, 1u << 31})
        fails_with(entries(1, key + n(wrong)), "power of two");
    fails_with(entries(2, key + n(64u) + key + n(64u)), "stands twice");
    fails_with(entries(1, text("general.alignment") + n(string) + text("32")), "power of two");
}

TEST_CASE("types that Kiln lacks are listed, and errors to read") {
    const std::string bytes = with_data(start(1, 0) + tensor("w", {256}, kQ2_K, 0), 84);
    const Gguf file = take(parse(bytes));
    CHECK(file.tensors()[0].stored_type == "Q2_K");
    fails_with(file.values(file.tensors()[0]), "Kiln does not read values of type Q2_K");
}
