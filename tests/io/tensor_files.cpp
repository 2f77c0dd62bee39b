#include "runtime/io/tensor_files.h"

#include <array>
#include <catch2/generators/catch_generators.hpp>

#include "runtime/io/safetensors.h"
#include "tests/io/files.h"

using namespace kiln;

// A file whose tensors each hold one float.
static void write_model(const std::string& path,
                        std::vector<std::pair<std::string, float>> values) {
    std::vector<TensorToWrite> tensors;
    for (auto& [name, value] : values)
        tensors.push_back({name, DType::f32, {1}, std::as_bytes(std::span(&value, 1))});
    REQUIRE(write_safetensors(path, tensors).ok());
}

static float value_of(const TensorFiles& model, std::string_view name) {
    auto entry = model.find(name);
    REQUIRE(entry);
    return take(entry->file->values(*entry->info))[0];
}

TEST_CASE("one file is a model") {
    TemporaryFolder folder;
    write_model(folder / "x.safetensors", {{"a", 1}, {"b", 2}});
    TensorFiles opened = take(TensorFiles::open(folder / "x.safetensors"));
    TensorFiles model = std::move(opened);
    CHECK(model.entries().size() == 2);
    CHECK(value_of(model, "b") == 2);
    CHECK(!model.find("c"));
    CHECK(model.bytes(*model.find("a")).size() == 4);
}

TEST_CASE("an index joins the files that it names, in either spelling") {
    TemporaryFolder folder;
    std::string index =
        GENERATE("model.safetensors.index.json", "model.fp16.safetensors.index.json",
                 "model.safetensors.index.fp16.json");
    write_model(folder / "model-1.safetensors", {{"a", 1}, {"shared", 5}});
    write_model(folder / "model-2.safetensors", {{"b", 2}, {"shared", 6}, {"unlisted", 7}});
    folder.with(index, R"({"metadata":{"total_size":16},"weight_map":
        {"a":"model-1.safetensors","b":"model-2.safetensors","shared":"model-2.safetensors"}})");
    for (const std::string& path : {folder / index, folder.path.string()}) {
        TensorFiles model = take(TensorFiles::open(path));
        CHECK(model.files().size() == 2);
        CHECK(model.entries().size() == 4);
        CHECK(value_of(model, "a") == 1);
        CHECK(value_of(model, "b") == 2);
        CHECK(value_of(model, "shared") == 6);
        CHECK(value_of(model, "unlisted") == 7);
    }
}

TEST_CASE("a folder gives the first variant that it holds") {
    TemporaryFolder folder;
    write_model(folder / "diffusion_pytorch_model.non_ema.safetensors", {{"a", 3}});
    CHECK(value_of(take(TensorFiles::open(folder.path)), "a") == 3);
    write_model(folder / "diffusion_pytorch_model.fp16.safetensors", {{"a", 2}});
    CHECK(value_of(take(TensorFiles::open(folder.path)), "a") == 2);
    write_model(folder / "model.safetensors", {{"a", 1}});
    CHECK(value_of(take(TensorFiles::open(folder.path)), "a") == 1);
    CHECK(value_of(take(TensorFiles::open_folder(folder.path, {"bf16", "non_ema"})), "a") == 3);
    fails_with(TensorFiles::open_folder(folder.path, {"bf16"}),
               "expected model.safetensors or diffusion_pytorch_model.safetensors");
}

TEST_CASE("a folder without safetensors is refused, pickles with the way to convert them") {
    TemporaryFolder folder;
    fails_with(TensorFiles::open_folder(folder / "none"),
               "none: expected a model's folder, found none");
    fails_with(TensorFiles::open(folder / "none.safetensors"),
               "none.safetensors: cannot be opened");
    fails_with(TensorFiles::open(folder.path), "expected safetensors weights, found none");
    folder.with("diffusion_pytorch_model.bin", "x");
    fails_with(TensorFiles::open(folder.path),
               "found only \"diffusion_pytorch_model.bin\". Pickled checkpoints");
    fails_with(TensorFiles::open(folder.path), "weights_only=True");
    write_model(folder / "lora.safetensors", {{"a", 1}});
    fails_with(TensorFiles::open(folder.path), "found \"lora.safetensors\"");
    fails_with(TensorFiles::open(folder.with("x.gguf", "GGUF\x03zzzzzzzzzzz")), "x.gguf: version ");
}

TEST_CASE("an index that leads astray is refused") {
    TemporaryFolder folder;
    write_model(folder / "a.safetensors", {{"a", 1}});
    auto open = [&](std::string_view index) {
        return TensorFiles::open(folder.with("m.safetensors.index.json", index));
    };
    for (const char* name : {"../a.safetensors", "/etc/passwd", "x/a.safetensors", "..\\\\a", "C:a",
                             "..", "", "a\\u0000b"})
        fails_with(open("{\"weight_map\":{\"a\":\"" + std::string(name) + "\"}}"),
                   "weight_map: \"a\": expected the name of a file in the same folder, found ");
    fails_with(open(R"({"weight_map":{"a":3}})"), "found 3");
    fails_with(open(R"({"weight_map":{"a":"b.safetensors"}})"), "b.safetensors: cannot be opened");
    fails_with(open(R"({"weight_map":{"c":"a.safetensors"}})"),
               "weight_map: tensor \"c\" is not in ");
    fails_with(open(R"({"weight_map":{"a":"a.safetensors","a":"a.safetensors"}})"),
               "the key \"a\" stands twice");
    fails_with(open("{}"), "weight_map: expected tensors, found none");
    fails_with(open("[]"), "weight_map: expected tensors, found none");
    fails_with(open(R"({"weight_map":[]})"), "weight_map: expected an object");
    fails_with(open("{"), "m.safetensors.index.json:1: not JSON");
}
