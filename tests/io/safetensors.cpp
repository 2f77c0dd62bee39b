#include "runtime/io/safetensors.h"

#include <catch2/generators/catch_generators.hpp>
#include <cstring>

#include "runtime/io/json.h"
#include "tests/io/files.h"

using namespace kiln;

static std::string file_of(std::string header, size_t data, uint64_t length = 0) {
    if (length == 0) length = header.size();
    std::string bytes;
    for (int i = 0; i < 8; i++) bytes += char(length >> (8 * i));
    bytes += header;
    for (size_t i = 0; i < data; i++) bytes += char(i);
    return bytes;
}

static Result<Safetensors> parse(const std::string& bytes) {
    return Safetensors::parse(as_bytes(bytes), "m.safetensors");
}

// One tensor entry; the header around several of them.
static std::string entry(std::string name, std::string dtype, std::string shape, size_t begin,
                         size_t end) {
    return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

TEST_CASE("tensors come back as they were written") {
    TemporaryFolder folder;
    const float weights[] = {1, -2, 3.5f, 0, 7, 8};
    const uint16_t halves[] = {f16_from_f32(0.5f), f16_from_f32(-4)};
    const int64_t step[] = {1000};
    std::string path = folder / "m.safetensors";
    REQUIRE(write_safetensors(path,
                              {{"b.half", DType::f16, {2}, std::as_bytes(std::span(halves))},
                               {"a.weight", DType::f32, {2, 3}, std::as_bytes(std::span(weights))},
                               {"step", DType::i64, {}, std::as_bytes(std::span(step))},
                               {"nothing", DType::f32, {0, 4}, {}}},
                              {{"format", "pt"}, {"note", "\xc3\xa9\n\""}})
                .ok());
    Safetensors file = take(Safetensors::open(path));
    CHECK(file.tensors().size() == 4);
    CHECK(file.metadata().at("note") == "\xc3\xa9\n\"");
    const TensorInfo* weight = file.find("a.weight");
    REQUIRE(weight);
    CHECK(weight->shape == Shape{2, 3});
    CHECK(weight->stored_type == "F32");
    CHECK(take(file.values(*weight)) == std::vector<float>(weights, weights + 6));
    CHECK(take(file.values(*file.find("b.half"))) == std::vector<float>{0.5f, -4});
    CHECK(take(file.values(*file.find("step"))) == std::vector<float>{1000});
    CHECK(file.bytes(*file.find("nothing")).empty());
    CHECK(take(file.values(*file.find("nothing"))).empty());
    CHECK(file.find("absent") == nullptr);
    CHECK(uintptr_t(file.bytes(*weight).data()) % 8 == 0);
    Safetensors moved = std::move(file);
    CHECK(take(moved.values(*moved.find("step")))[0] == 1000);
    CHECK(folder.count() == 1);
}

TEST_CASE("files that the reference wrote are read, metadata included") {
    Safetensors file = take(Safetensors::open(KILN_GOLDEN_DIR "/io/reference.safetensors"));
    nlohmann::json golden = take(read_json(KILN_GOLDEN_DIR "/io/reference.json"));
    CHECK(file.metadata() == golden["metadata"].get<std::map<std::string, std::string>>());
    REQUIRE(file.tensors().size() == golden["tensors"].size());
    for (const auto& [name, expected] : golden["tensors"].items()) {
        INFO(name);
        const TensorInfo* info = file.find(name);
        REQUIRE(info);
        CHECK(info->shape.dims == expected["shape"].get<std::vector<int64_t>>());
        CHECK(info->stored_type == expected["dtype"]);
        CHECK(take(file.values(*info)) == expected["values"].get<std::vector<float>>());
    }
}

TEST_CASE("every type that the format names is listed; those that Kiln lacks are errors to read") {
    struct Case {
        const char* dtype;
        int bits;
        bool readable;
    };
    auto [dtype, bits, readable] = GENERATE(
        values<Case>({{"F32", 32, true},         {"F16", 16, true},     {"BF16", 16, true},
                      {"F64", 64, true},         {"F8_E4M3", 8, true},  {"F8_E5M2", 8, true},
                      {"I64", 64, true},         {"I32", 32, true},     {"I16", 16, true},
                      {"I8", 8, true},           {"U64", 64, true},     {"U32", 32, true},
                      {"U16", 16, true},         {"U8", 8, true},       {"BOOL", 8, true},
                      {"C64", 64, false},        {"F8_E8M0", 8, false}, {"F8_E4M3FNUZ", 8, false},
                      {"F8_E5M2FNUZ", 8, false}, {"F6_E2M3", 6, false}, {"F6_E3M2", 6, false},
                      {"F4", 4, false}}));
    size_t size = size_t(bits) * 4 / 8;
    std::string bytes = file_of("{" + entry("w", dtype, "[2,2]", 0, size) + "}", size);
    Safetensors file = take(parse(bytes));
    const TensorInfo& info = file.tensors()[0];
    CHECK(info.stored_type == dtype);
    CHECK(file.bytes(info).size() == size);
    CHECK(info.dtype.has_value() == readable);
    if (readable)
        CHECK(take(file.values(info)).size() == 4);
    else
        fails_with(file.values(info),
                   "tensor \"w\": Kiln does not read values of type " + std::string(dtype));
    if (readable) CHECK(safetensors_name(*info.dtype) == dtype);
}

TEST_CASE("headers may be padded with spaces and data misaligned") {
    std::string bytes = file_of("{" + entry("w", "F32", "[1]", 0, 4) + "}   ", 4);
    CHECK(take(take(parse(bytes)).values(take(parse(bytes)).tensors()[0])).size() == 1);
    CHECK(take(parse(file_of("{}", 0))).tensors().empty());
    CHECK(take(parse(file_of("{\"__metadata__\":{}}", 0))).metadata().empty());
    CHECK(take(parse(file_of("{" + entry("", "U8", "[0,99999999999]", 0, 0) + "}", 0)))
              .tensors()
              .size() == 1);
}

TEST_CASE("a file that is not whole is refused with expected and found") {
    std::string good = file_of("{" + entry("w", "F32", "[2]", 0, 8) + "}", 8);
    CHECK(parse(good).ok());
    for (size_t n = 0; n < good.size(); n++) CHECK(!parse(good.substr(0, n)).ok());
    fails_with(parse("abc"),
               "m.safetensors: truncated: a safetensors file has at least 8 bytes, found 3");
    fails_with(parse(good.substr(0, 20)), "truncated: the header has 54 bytes, found 12");
    fails_with(parse(good.substr(0, good.size() - 3)),
               "truncated: the tensors have 8 bytes, found 5");
    fails_with(parse(good + "xy"), "2 bytes that belong to no tensor follow the last");
    fails_with(parse(file_of("{}", 0, 100'000'001)),
               "a header of 100000001 bytes; at most 100000000 are allowed");
    fails_with(parse(file_of("{}", 0, ~uint64_t(0))), "a header of 18446744073709551615 bytes");
    fails_with(parse(std::string(8, '\0')), "the header does not begin with {");
    fails_with(parse(file_of("[1]", 0)), "the header does not begin with {");
}

struct Defect {
    std::string header;
    size_t data;
    std::string message;
};

static void refused(std::initializer_list<Defect> defects) {
    for (const Defect& defect : defects) {
        INFO(defect.header);
        fails_with(parse(file_of(defect.header, defect.data)), defect.message);
        fails_with(parse(file_of(defect.header, defect.data)), "m.safetensors: ");
    }
}

TEST_CASE("tensors that do not tile the data, or whose sizes disagree, are refused") {
    auto two = [](std::string a, std::string b) { return "{" + a + "," + b + "}"; };
    refused({
        {two(entry("a", "U8", "[4]", 0, 4), entry("b", "U8", "[4]", 2, 6)), 6,
         "tensor \"b\": overlaps its neighbour: begins at 2, expected 4"},
        {two(entry("a", "U8", "[4]", 0, 4), entry("b", "U8", "[4]", 0, 4)), 4,
         "tensor \"b\": overlaps"},
        {two(entry("a", "U8", "[4]", 0, 4), entry("b", "U8", "[1]", 5, 6)), 6,
         "tensor \"b\": a gap before it: begins at 5, expected 4"},
        {"{" + entry("a", "U8", "[4]", 1, 5) + "}", 5,
         "tensor \"a\": a gap before it: begins at 1, expected 0"},
        {"{" + entry("a", "U8", "[4]", 5, 1) + "}", 5,
         "tensor \"a\": data_offsets run backwards: 5 to 1"},
        {"{" + entry("a", "F32", "[2,3]", 0, 20) + "}", 20,
         "tensor \"a\": [2, 3] of F32 has 24 bytes, data_offsets hold 20"},
        {"{" + entry("a", "F4", "[3]", 0, 1) + "}", 1, "the elements do not fill whole bytes"},
        {"{" + entry("a", "F32", "[4294967296,4294967296]", 0, 0) + "}", 0,
         "tensor \"a\": the shape overflows"},
        {"{" + entry("a", "F32", "[4294967296,4294967296,0]", 0, 0) + "}", 0,
         "the shape overflows"},
        {"{" + entry("a", "U8", "[9223372036854775807]", 0, 0) + "}", 0, "the shape overflows"},
        {"{" + entry("a", "U8", "[18446744073709551615]", 0, 0) + "}", 0,
         "extent 18446744073709551615 overflows"},
        {"{" + entry("a", "U8", "[-1]", 0, 1) + "}", 1,
         "tensor \"a\": expected shape: whole numbers from 0, found -1"},
        {"{" + entry("a", "U8", "[1.5]", 0, 1) + "}", 1, "found 1.5"},
        {"{" + entry("a", "U8", "[[1]]", 0, 1) + "}", 1,
         "expected shape: whole numbers from 0, found a list"},
        {"{" + entry("a", "U8", "1", 0, 1) + "}", 1,
         "expected shape: a list of whole numbers, found 1"},
        {"{" + entry("a", "F31", "[1]", 0, 1) + "}", 1, "tensor \"a\": unknown dtype \"F31\""},
        {two(entry("a", "U8", "[1]", 0, 1), entry("a", "U8", "[1]", 1, 2)), 2,
         "header: the key \"a\" stands twice"},
    });
    std::string deep = "[1";
    for (int i = 0; i < 64; i++) deep += ",1";
    fails_with(parse(file_of("{" + entry("a", "U8", deep + "]", 0, 1) + "}", 1)),
               "more than 64 dimensions");
}

TEST_CASE("tensors that are not described once and whole are refused") {
    auto one = [](std::string inside) { return "{\"w\":{" + inside + "}}"; };
    const std::string d = "\"dtype\":\"U8\"", s = "\"shape\":[1]", o = "\"data_offsets\":[0,1]";
    refused({
        {one(d + "," + s), 1, "tensor \"w\": data_offsets is missing"},
        {one(d + "," + o), 1, "tensor \"w\": shape is missing"},
        {one(s + "," + o), 1, "tensor \"w\": dtype is missing"},
        {one(""), 1, "tensor \"w\": dtype is missing"},
        {one(d + "," + s + ",\"data_offsets\":[0]"), 1,
         "data_offsets: expected 2 numbers, found 1"},
        {one(d + "," + s + ",\"data_offsets\":[0,1,2]"), 1,
         "data_offsets: expected 2 numbers, found more"},
        {one(d + "," + s + ",\"data_offsets\":[0,1e3]"), 1, "found 1e3"},
        {one(d + "," + s + ",\"data_offsets\":[0,-1]"), 1, "found -1"},
        {one(d + "," + s + ",\"data_offsets\":{}"), 1,
         "expected data_offsets: a list of two whole numbers, found an object"},
        {one(d + "," + s + "," + s + "," + o), 1, "tensor \"w\": the key \"shape\" stands twice"},
        {one(d + "," + d + "," + s + "," + o), 1, "the key \"dtype\" stands twice"},
        {one(d + "," + s + "," + o + "," + o), 1, "the key \"data_offsets\" stands twice"},
        {one("\"x\":1," + d + "," + s + "," + o), 1, "tensor \"w\": unknown key \"x\""},
        {one("\"dtype\":null"), 1, "expected dtype: a string, found null"},
        {one("\"shape\":" + std::string(1000, '[')), 0, "found a list"},
    });
}

TEST_CASE("headers that are no table of tensors are refused") {
    refused({
        {"{\"w\":3}", 0, "tensor \"w\": expected an object, found 3"},
        {"{\"w\":[]}", 0, "tensor \"w\": expected an object, found a list"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__: expected a string, found 1"},
        {"{\"__metadata__\":{\"a\":{}}}", 0, "__metadata__: expected a string, found an object"},
        {"{\"__metadata__\":{\"a\":\"\",\"a\":\"\"}}", 0,
         "__metadata__: the key \"a\" stands twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "the key \"__metadata__\" stands twice"},
        {"{\"__metadata__\":true}", 0, "__metadata__: expected an object, found true"},
        {"{\"w\":{", 0, "the header is not JSON: syntax error"},
        {"{} x", 0, "the header is not JSON: syntax error"},
        {std::string("{}\0\0", 4), 0, "the header is not JSON: a zero byte at byte 2"},
        {"{\"\xff\":3}", 0, "the header is not JSON: invalid UTF-8"},
        {"{\"\\ud800\":3}", 0, "the header is not JSON"},
        {"{\"a\\n\\u001b\\\"\":3}", 0, "tensor \"a\\x0a\\x1b\\\"\": expected an object"},
    });
}

TEST_CASE("files of another kind are refused by that kind") {
    TemporaryFolder folder;
    auto open = [&](std::string_view bytes) {
        return Safetensors::open(folder.with("m.safetensors", bytes));
    };
    using namespace std::string_view_literals;
    fails_with(open("PK\x03\x04zzzzzzzzzzzzzzz"sv),
               "expected a safetensors file, found a pickled PyTorch checkpoint. Pickled");
    fails_with(open("\x80\x02}q\x01(zzzzzzzzzzzz"sv), "save_file(");
    fails_with(open("GGUF\x03\0\0\0zzzzzzzzzzz"sv), "found a GGUF file");
    fails_with(open("version https://git-lfs.github.com/spec/v1\n"sv),
               "found a Git LFS pointer. The real file was not downloaded");
    fails_with(open("<!DOCTYPE html><html>"sv), "found an HTML page");
    fails_with(open("\x89PNG\r\n\x1a\nzzzzzzzz"sv), "found a PNG picture");
    fails_with(open("{\"weight_map\":{}}"sv), "found JSON");
    fails_with(open(""sv), "the file is empty");
    fails_with(Safetensors::open(folder / "none"), "cannot be opened");
    fails_with(Safetensors::open(folder.path), "found a folder");
}

TEST_CASE("a header whose length looks like another format's magic is still read") {
    std::string header = "{" + entry("w", "U8", "[1]", 0, 1) + "}";
    header.resize(0x280, ' ');   // begins with the bytes 80 02, as a pickle does
    CHECK(parse(file_of(header, 1)).ok());
    header.resize(0x4d42, ' ');   // "BM"
    CHECK(parse(file_of(header, 1)).ok());
}

TEST_CASE("an unwritable path is an error of the writer") {
    fails_with(write_safetensors("/nonexistent/m.safetensors", {}),
               "/nonexistent/m.safetensors: cannot be written");
}
