// Checkpoints in one file: recognised from names and shapes, and the same pictures as in diffusers.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "modalities/image/checkpoint.h"
#include "modalities/image/pipeline.h"
#include "runtime/io/quantise.h"
#include "tests/image/models.h"
#include "tests/image/pictures.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

const std::string kVMark =
    "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias";

Tensors file_tensors(const std::string& family) {
    Tensors tensors;
    collect(golden_document(family + "_file").at("tensors"), "", tensors);
    for (auto& [name, tensor] : tensors) tensor.second = weight(name, tensor.first);
    if (family == "sd2")
        for (float& value : tensors.at(kVMark).second) value *= 2;
    return tensors;
}

struct SingleFile {
    TemporaryFolder folder;
    std::string path;

    SingleFile(const std::string& family, const Tensors& tensors)
        : folder("file-" + family), path((folder.path / "model.safetensors").string()) {
        write_tensors(path, tensors);
    }
};

const std::string kTokenizer = (fs::path(KILN_GOLDEN_DIR) / "text/small").string();

ImageRequest request_of(const std::string& family) {
    ImageRequest r{
        .prompt = "a photo of a red cube", .width = 40, .height = 32, .steps = 4, .seed = 7};
    if (family == "sd2" || family == "refiner") r.negative = "blue";
    if (family == "refiner") r.init = noise_picture("portrait", 40, 32);
    r.strength = 0.6;
    return r;
}

}   // namespace

TEST_CASE("a checkpoint in one file gives the picture of diffusers", "[gpu]") {
    const std::string family = GENERATE("sd1", "sd2", "sdxl", "refiner");
    CAPTURE(family);
    const SingleFile file(family, file_tensors(family));
    std::vector<std::string> warnings;
    const ImageOptions options{.tokenizer = kTokenizer, .log = warnings_into(warnings)};
    ImagePipeline pipeline = take(ImagePipeline::open(test_device(), file.path, options));
    for (const std::string& warning : warnings) UNSCOPED_INFO(warning);
    CHECK(warnings.empty());
    const auto pictures = pipeline.run(request_of(family));
    if (!pictures) FAIL(pictures.error().message);
    const Safetensors goldens =
        take(Safetensors::open((kImageGoldens / "single_files.safetensors").string()));
    check_pictures(*pictures, goldens, family);
}

TEST_CASE("a GGUF file of the same tensors gives nearly the same picture", "[gpu]") {
    const std::string family = GENERATE("sd1", "sdxl");
    CAPTURE(family);
    const SingleFile file(family, file_tensors(family));
    const std::string gguf = (file.folder.path / "model.gguf").string();
    take(write_quantised(gguf, take(TensorFiles::open(file.path)), DType::q8_0));
    CHECK(fs::file_size(gguf) < fs::file_size(file.path) * 2 / 3);
    const auto draw = [&](const std::string& path) {
        std::vector<std::string> warnings;
        const ImageOptions options{.tokenizer = kTokenizer, .log = warnings_into(warnings)};
        ImagePipeline pipeline = take(ImagePipeline::open(test_device(), path, options));
        CHECK(warnings.empty());
        CHECK(pipeline.info().family.ends_with("(one file)"));
        return take(pipeline.run(request_of(family))).at(0).image.pixels;
    };
    const auto exact = draw(file.path), near = draw(gguf);
    REQUIRE(exact.size() == near.size());
    double squares = 0;
    for (size_t i = 0; i < exact.size(); i++)
        squares += std::pow(double(exact[i]) - double(near[i]), 2);
    CHECK(std::sqrt(squares / double(exact.size())) < 4);   // of 255
    CHECK(squares > 0);
}

TEST_CASE("what a single file predicts follows from it, and can be said otherwise") {
    const std::string family = "sd2";
    Tensors tensors = file_tensors(family);
    const SingleFile v(family, tensors);
    CHECK(take(open_checkpoint(v.path, {.tokenizer = kTokenizer})).scheduler.prediction ==
          Prediction::v);
    CHECK(take(open_checkpoint(v.path, {.tokenizer = kTokenizer, .prediction = "epsilon"}))
              .scheduler.prediction == Prediction::epsilon);
    CHECK(!open_checkpoint(v.path, {.tokenizer = kTokenizer, .prediction = "guess"}));
    for (float& value : tensors.at(kVMark).second) value /= 2;
    write_tensors(v.path, tensors);
    CHECK(take(open_checkpoint(v.path, {.tokenizer = kTokenizer})).scheduler.prediction ==
          Prediction::epsilon);
}

TEST_CASE("the parts of one file may be stored in different precisions") {
    const Tensors tensors = file_tensors("sd1");
    Tensors vae, others;
    for (const auto& entry : tensors)
        (entry.first.starts_with("first_stage_model.") ? vae : others).insert(entry);
    const TemporaryFolder folder("file-parts");
    const std::string path = (folder.path / "model.safetensors").string();
    write_tensors(path, {{others, DType::f16}, {vae, DType::f32}});
    const Checkpoint model = take(open_checkpoint(path, {.tokenizer = kTokenizer}));
    CHECK(stored_in_half(model.unet_part));
    CHECK_FALSE(stored_in_half(model.vae_part));
}

TEST_CASE("a single file that is not recognised is refused with what was seen") {
    const auto refused = [](Tensors tensors, const std::string& words) {
        const SingleFile file("odd", tensors);
        const auto model = open_checkpoint(file.path, {.tokenizer = kTokenizer});
        REQUIRE(!model);
        INFO(model.error().message);
        CHECK(model.error().status == Status::bad_file);
        CHECK(model.error().message.find(words) != std::string::npos);
    };
    refused({{"lora_unet_mid.alpha", {{1}, {1}}}},
            "not a latent diffusion checkpoint; 1 tensors such as \"lora_unet_mid.alpha\"");
    Tensors sd1 = file_tensors("sd1");
    Tensors without_vae = sd1;
    std::erase_if(without_vae,
                  [](const auto& entry) { return entry.first.starts_with("first_stage_model."); });
    refused(without_vae, "without its autoencoder");
    Tensors odd = sd1;
    for (auto& [name, tensor] : odd)
        if (name.ends_with("attn2.to_k.weight"))
            tensor = {{tensor.first[0], 500}, std::vector<float>(size_t(tensor.first[0]) * 500)};
    refused(odd, "a context of 500 and no added embedding: not Stable Diffusion 1.x (768, none)");
    std::erase_if(sd1,
                  [](const auto& entry) { return entry.first.starts_with("cond_stage_model."); });
    refused(sd1, "embeddings.token_embedding.weight");
}
