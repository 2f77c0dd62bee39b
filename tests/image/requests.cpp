// Requests and models that cannot be met: each a clear message and its status.
#include <catch2/catch_test_macros.hpp>

#include "modalities/image/pipeline.h"
#include "tests/image/pictures.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

void check_refused(const Error& error, Status status, const std::string& words) {
    INFO(error.message);
    CHECK(error.status == status);
    CHECK(error.message.find(words) != std::string::npos);
}

Error open_error(const fs::path& path, const ImageOptions& options = {}) {
    auto pipeline = ImagePipeline::open(test_device(), path.string(), options);
    REQUIRE(!pipeline);
    return pipeline.error();
}

// A model with one file changed.
Error edited(const Edit& edit) {
    TemporaryFolder folder("edited");
    write_model("lcm", folder.path, edit);
    return open_error(folder.path);
}

using JsonEdit = std::function<void(nlohmann::json&)>;

void edit_config(const fs::path& file, const JsonEdit& change) {
    nlohmann::json config = take(read_json(file.string()));
    change(config);
    take(write_file(file.string(), as_bytes(config.dump())));
}

Error with_config(const std::string& file, const JsonEdit& change) {
    TemporaryFolder folder("config");
    write_model("lcm", folder.path);
    edit_config(folder.path / file, change);
    return open_error(folder.path);
}

}   // namespace

TEST_CASE("requests that cannot be met say what could", "[gpu]") {
    TemporaryFolder folder("requests");
    write_model("lcm", folder.path);
    ImagePipeline pipeline = take(ImagePipeline::open(test_device(), folder.path.string()));
    const auto refused = [&](const ImageRequest& request, const std::string& words) {
        const auto result = pipeline.run(request);
        REQUIRE(!result);
        check_refused(result.error(), Status::usage, words);
    };
    refused({.prompt = "x", .width = 65},
            "width 65: must be a multiple of 8; the nearest are 64 and 72");
    refused({.prompt = "x", .height = 3}, "height 3: must be a multiple of 8; the nearest is 8");
    refused({.prompt = "x", .steps = 0}, "steps");
    refused({.prompt = "x", .steps = 1001}, "steps");
    refused({.prompt = "x", .sampler = "fast"}, "sampler fast: expected one of");
    refused({.prompt = "x", .schedule = "fast"}, "fast");
    refused({.prompt = "x", .count = 0}, "count");
    refused({.prompt = "x", .clip_skip = 4}, "clip skip 4");
    refused({.prompt = "x", .rng = "dice"}, "dice");
    ImageRequest masked{.prompt = "x"};
    masked.mask = Image{8, 8, 1, std::vector<uint8_t>(64)};
    refused(masked, "a mask needs the picture");
    const auto stopped = pipeline.run({.prompt = "x", .width = 32, .height = 32, .steps = 2},
                                      {.cancelled = [] { return true; }});
    REQUIRE(!stopped);
    CHECK(stopped.error().status == Status::interrupted);
}

TEST_CASE("models that cannot be used say why", "[gpu]") {
    TemporaryFolder empty("empty");
    check_refused(open_error(empty.path), Status::bad_file, "model_index.json");
    check_refused(open_error(empty.path / "nothing"), Status::bad_file, "no such file");
    check_refused(edited([](const std::string&, Tensors& t) { t.erase("conv_norm_out.weight"); }),
                  Status::bad_file, "\"conv_norm_out.weight\" is missing; expected shape [32]");
    check_refused(edited([](const std::string&, Tensors& t) {
                      if (t.contains("conv_norm_out.bias"))
                          t["conv_norm_out.bias"] = {{31}, std::vector<float>(31)};
                  }),
                  Status::bad_file, "\"conv_norm_out.bias\" has shape [31]; expected [32]");
    check_refused(edited([](const std::string&, Tensors& t) {
                      if (t.contains("conv_out.weight")) t["conv_out.weight"].second[5] = NAN;
                  }),
                  Status::not_finite, "\"conv_out.weight\" holds NaN or infinity");
    check_refused(
        with_config("model_index.json", [](auto& c) { c["_class_name"] = "KandinskyPipeline"; }),
        Status::bad_file, "found \"KandinskyPipeline\"");
    check_refused(with_config("unet/config.json",
                              [](auto& c) { c["resnet_time_scale_shift"] = "scale_shift"; }),
                  Status::bad_file, "resnet_time_scale_shift");
    check_refused(
        with_config("unet/config.json", [](auto& c) { c["dual_cross_attention"] = true; }),
        Status::bad_file, "dual_cross_attention");
    check_refused(
        with_config("text_encoder/config.json", [](auto& c) { c["hidden_act"] = "mish"; }),
        Status::bad_file, "hidden_act");
    check_refused(with_config("unet/config.json", [](auto& c) { c["cross_attention_dim"] = 48; }),
                  Status::bad_file, "a context of 48");
    check_refused(with_config("model_index.json", [](auto& c) { c["_guidance_scale"] = .5; }),
                  Status::bad_file, "_guidance_scale");
}

TEST_CASE("a model can name the guidance that suits it", "[gpu]") {
    TemporaryFolder folder("guidance");
    write_model("sd1", folder.path);
    const auto usual = [&] {
        return take(ImagePipeline::open(test_device(), folder.path.string())).info().cfg;
    };
    CHECK(usual() == 7.5);
    edit_config(folder.path / "model_index.json", [](auto& c) { c["_guidance_scale"] = 3; });
    CHECK(usual() == 3);
}

TEST_CASE("tensors that nothing asks for are warned about by name", "[gpu]") {
    TemporaryFolder folder("unclaimed");
    write_model("lcm", folder.path, [](const std::string& file, Tensors& t) {
        if (file.starts_with("unet")) t["down_blocks.0.extra.weight"] = {{1}, {0}};
        if (file.starts_with("text")) t["embeddings.position_ids"] = {{1, 2}, {0, 1}};
    });
    std::vector<std::string> warnings;
    ImageOptions options{.log = warnings_into(warnings)};
    ImagePipeline pipeline =
        take(ImagePipeline::open(test_device(), folder.path.string(), options));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find("1 tensors are not used: down_blocks.0.extra.weight") !=
          std::string::npos);
}
