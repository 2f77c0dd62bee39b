// One model in every layout that folders come in, and in every precision: the same picture.
#include <catch2/catch_test_macros.hpp>

#include "tests/image/models.h"
#include "tests/image/pictures.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const ImageRequest kRequest{.prompt = "a photo of a red cube",
                            .width = 40,
                            .height = 32,
                            .steps = 2,
                            .sampler = "euler",
                            .seed = 3};

Image picture_of(const fs::path& folder, const ImageOptions& options = {},
                 const ImageRequest& request = kRequest) {
    ImagePipeline pipeline = take(ImagePipeline::open(test_device(), folder.string(), options));
    return take(pipeline.run(request)).at(0).image;
}

double mean_difference(const Image& a, const Image& b) {
    REQUIRE(a.pixels.size() == b.pixels.size());
    double sum = 0;
    for (size_t i = 0; i < a.pixels.size(); i++)
        sum += std::abs(int(a.pixels[i]) - int(b.pixels[i]));
    return sum / double(a.pixels.size());
}

// As transformers 4 wrote text encoders: under text_model, with the positions as a tensor.
void as_released(const std::string& file, Tensors& tensors) {
    if (!file.starts_with("text_encoder")) return;
    Tensors renamed;
    for (auto& [name, tensor] : tensors)
        renamed[name.starts_with("text_") ? name : "text_model." + name] = std::move(tensor);
    renamed["text_model.embeddings.position_ids"] = {{1, 77}, std::vector<float>(77)};
    tensors = std::move(renamed);
}

// The weights of one component in two files with an index.
void shard(const fs::path& folder, const std::string& stem) {
    const fs::path whole = folder / (stem + ".safetensors");
    const Safetensors file = take(Safetensors::open(whole.string()));
    Tensors halves[2];
    nlohmann::json map;
    size_t count = 0;
    for (const TensorInfo& info : file.tensors()) {
        const size_t half = count++ % 2;
        halves[half][info.name] = {info.shape, take(file.values(info))};
        map[info.name] = stem + "-0000" + std::to_string(half + 1) + "-of-00002.safetensors";
    }
    for (int half = 0; half < 2; half++)
        write_tensors(
            folder / (stem + "-0000" + std::to_string(half + 1) + "-of-00002.safetensors"),
            halves[half]);
    const nlohmann::json index = {{"metadata", {{"total_size", file.data().size()}}},
                                  {"weight_map", map}};
    take(
        write_file((folder / (stem + ".safetensors.index.json")).string(), as_bytes(index.dump())));
    fs::remove(whole);
}

}   // namespace

TEST_CASE("layouts of a folder do not change the picture", "[gpu]") {
    TemporaryFolder plain("plain"), released("released");
    write_model("sdxl", plain.path);
    write_model("sdxl", released.path, as_released);
    const Image expected = picture_of(plain.path);
    std::vector<std::string> warnings;
    const ImageOptions options{.log = warnings_into(warnings)};
    CHECK(picture_of(released.path, options).pixels == expected.pixels);
    for (const std::string& warning : warnings) UNSCOPED_INFO(warning);
    CHECK(warnings.empty());
    shard(plain.path / "unet", "diffusion_pytorch_model");
    shard(plain.path / "text_encoder_2", "model");
    CHECK(picture_of(plain.path).pixels == expected.pixels);
}

TEST_CASE("half precision of files and of activations changes the picture little", "[gpu]") {
    TemporaryFolder folder("precision");
    write_model("sd1", folder.path);
    const Image expected = picture_of(folder.path);
    CHECK(mean_difference(picture_of(folder.path, {.precision = Precision::f16}), expected) < 2.0);
    write_model("sd1", folder.path, {}, DType::f16);
    CHECK(mean_difference(picture_of(folder.path), expected) < 2.0);
    for (const char* stem :
         {"unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"})
        fs::rename(folder.path / (std::string(stem) + ".safetensors"),
                   folder.path / (std::string(stem) + ".fp16.safetensors"));
    CHECK(mean_difference(picture_of(folder.path, {.variant = "fp16", .precision = Precision::f16}),
                          expected) < 3.0);
    const auto absent =
        ImagePipeline::open(test_device(), folder.path.string(), {.variant = "bf16"});
    REQUIRE(!absent);
    CHECK(absent.error().status == Status::bad_file);
}

TEST_CASE("an autoencoder can be replaced, from a folder or a file", "[gpu]") {
    TemporaryFolder folder("vae");
    write_model("sd1", folder.path);
    const Image expected = picture_of(folder.path);
    CHECK(picture_of(folder.path, {.vae = (folder.path / "vae").string()}).pixels ==
          expected.pixels);
    TemporaryFolder other("other-vae");
    write_model("sd1", other.path, [](const std::string&, Tensors& tensors) {
        if (tensors.contains("decoder.conv_out.bias"))
            tensors["decoder.conv_out.bias"].second = {1, 1, 1};
    });
    CHECK(mean_difference(picture_of(folder.path, {.vae = (other.path / "vae").string()}),
                          expected) > 10);
}

TEST_CASE("a model that overflows ends with not_finite", "[gpu]") {
    TemporaryFolder folder("overflow");
    write_model("lcm", folder.path, [](const std::string& file, Tensors& tensors) {
        if (file.starts_with("unet"))
            for (float& value : tensors.at("conv_in.weight").second) value *= 1e38f;
    });
    ImagePipeline pipeline = take(ImagePipeline::open(test_device(), folder.path.string()));
    const auto result = pipeline.run(kRequest);
    REQUIRE(!result);
    CHECK(result.error().status == Status::not_finite);
    CHECK(result.error().message.find("step 1 of 2") != std::string::npos);
}
