// The networks of Stable Diffusion 1.5 and XL at their full size, with random weights in half
// precision, against diffusers. Minutes and up to 16 GB of memory each: hidden behind [.nightly].
#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "modalities/latent/layout.h"
#include "modalities/image/pipeline.h"
#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"
#include "modalities/text/clip_text.h"
#include "runtime/graph/graph.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-3;   // relative L2

void report(const std::string& what, double error) {
    UNSCOPED_INFO(what << ": relative L2 " << error);
    std::printf("%s: relative L2 %.3g\n", what.c_str(), error);
    CHECK(error < kTolerance);
}

// Within `limit` bytes of device memory; 0: as much as there is.
void check_unet(const std::string& name, uint64_t limit = 0) {
    DeviceOptions options = device_options();
    options.memory_limit = limit;
    const FullSize full("image", name, limit ? open_device(options) : test_device());
    const UNetConfig c = take(parse_unet_config(full.config()));
    Weights weights = full.weights({.deferred = limit > 0});
    const UNet unet(weights, c);
    UNetInputs in{.latent = input("latent", {1, 32, 32, 4}),
                  .timestep = input("timestep", {1}),
                  .context = input("context", {1, 77, c.context[0]})};
    if (c.addition_time_width) {
        in.pooled = input("pooled", {1, 1280});
        in.time_ids = input("time_ids", {1, 6});
    }
    Graph graph = take(Graph::compile(full.device, {unet(in)}));
    take(graph.write(in.latent, channels_last(noise("latent", 4096, 2), 4)));
    take(graph.write(in.timestep, std::vector<float>{981}));
    take(graph.write(in.context, noise("context", 77 * c.context[0], 2)));
    if (in.pooled) take(graph.write(in.pooled, noise("pooled", 1280, 2)));
    if (in.pooled) take(graph.write(in.time_ids, noise("time_ids", 6, 500, 1)));
    take(graph.run());
    std::vector<float> found = take(graph.read()), first(found.size());
    to_channels_first(found, first.data(), 1, 4, 1024);
    report(name, relative_l2(first, expected(full.goldens, "unet")));
    CHECK((graph.stats().segments > 0) == (limit > 0));
    if (limit) CHECK(full.device->memory().peak <= limit);
}

// Every `step`-th pixel each way of a picture [height, width, 3], as [3, h, w].
std::vector<float> thinned_picture(const std::vector<float>& x, int64_t height, int64_t width,
                                   int64_t step) {
    std::vector<float> result;
    for (int64_t c = 0; c < 3; c++)
        for (int64_t row = 0; row < height; row += step)
            for (int64_t column = 0; column < width; column += step)
                result.push_back(x[size_t((row * width + column) * 3 + c)]);
    return result;
}

// Every `step`-th row of [77, width].
std::vector<float> thinned(const std::vector<float>& x, int64_t width, int step) {
    std::vector<float> result;
    for (int64_t row = 0; row < 77; row += step)
        result.insert(result.end(), x.begin() + row * width, x.begin() + (row + 1) * width);
    return result;
}

void check_text(const std::string& name) {
    const FullSize full("image", name);
    const ClipTextConfig c = take(parse_clip_text_config(full.config()));
    Weights weights = full.weights();
    const ClipText model(weights, c);
    const Tensor ids = input("ids", {1, 77}, DType::i32), end = input("end", {1}, DType::i32);
    const auto states = model(ids);
    Graph graph = take(
        Graph::compile(full.device, {states[states.size() - 2], model.pooled(states.back(), end),
                                     model.final_norm(states.back())}));
    std::vector<int32_t> tokens;
    for (float value : noise("ids", 77)) tokens.push_back(int32_t((value + 1) * 0.5f * 49406));
    std::fill(tokens.begin() + 50, tokens.end(), 49407);
    const int32_t at = c.pooled_position(tokens);
    take(graph.write_i32(ids, tokens));
    take(graph.write_i32(end, {&at, 1}));
    take(graph.run());
    report(name + " hidden",
           relative_l2(thinned(take(graph.read(0)), c.width, 8), expected(full.goldens, "hidden")));
    if (full.goldens.find("pooled"))
        report(name + " pooled",
               relative_l2(take(graph.read(1)), expected(full.goldens, "pooled")));
    if (full.goldens.find("last"))
        report(name + " last", relative_l2(thinned(take(graph.read(2)), c.width, 16),
                                           expected(full.goldens, "last")));
}

}   // namespace

TEST_CASE("the full-size U-Net of Stable Diffusion 1.5 agrees with diffusers", "[gpu][.nightly]") {
    check_unet("unet_sd15");
}
TEST_CASE("the full-size U-Net of Stable Diffusion XL agrees with diffusers", "[gpu][.nightly]") {
    check_unet("unet_sdxl");
}
TEST_CASE("the full-size U-Net of Stable Diffusion XL agrees with diffusers in 1 GiB",
          "[gpu][.nightly]") {
    check_unet("unet_sdxl", uint64_t(1) << 30);
}
TEST_CASE("the full-size text encoder CLIP-L agrees with transformers", "[gpu][.nightly]") {
    check_text("clip_l");
}
TEST_CASE("the full-size text encoder OpenCLIP-H agrees with transformers", "[gpu][.nightly]") {
    check_text("clip_h");
}
TEST_CASE("the full-size text encoder OpenCLIP-bigG agrees with transformers", "[gpu][.nightly]") {
    check_text("clip_g");
}

TEST_CASE("a picture whose tensors exceed a binding is decoded as in diffusers",
          "[gpu][.nightly]") {
    const FullSize full("image", "vae_wide");
    const VaeConfig c = take(parse_vae_config(full.config()));
    Weights weights = full.weights();
    const VaeDecoder decoder(weights, c);
    const Tensor z = input("z", {1, 130, 128, 4});
    Graph graph = take(Graph::compile(full.device, {decoder(z)}));
    CHECK(full.device->caps().binding_range < uint64_t(1040 * 1024 * 32 * 4));
    take(graph.write(z, channels_last(noise("z", 4 * 130 * 128, 4), 4)));
    take(graph.run());
    report("wide picture", relative_l2(thinned_picture(take(graph.read()), 1040, 1024, 16),
                                       expected(full.goldens, "picture")));
}

TEST_CASE("the full-size autoencoder agrees with diffusers", "[gpu][.nightly]") {
    const FullSize full("image", "vae");
    const VaeConfig c = take(parse_vae_config(full.config()));
    Weights weights = full.weights();
    const VaeDecoder decoder(weights, c);
    const VaeEncoder encoder(weights, c);
    const Tensor z = input("z", {1, 16, 12, 4}), picture = input("picture", {1, 64, 48, 3});
    Graph graph = take(Graph::compile(full.device, {decoder(z), encoder(picture)}));
    take(graph.write(z, channels_last(noise("z", 768, 4), 4)));
    take(graph.write(picture, channels_last(noise("picture", 3 * 64 * 48), 3)));
    take(graph.run());
    const std::vector<float> decoded = take(graph.read(0)), moments = take(graph.read(1));
    std::vector<float> first(moments.size());
    to_channels_first(moments, first.data(), 1, 8, 48);
    report("vae picture",
           relative_l2(thinned_picture(decoded, 128, 96, 2), expected(full.goldens, "picture")));
    report("vae moments", relative_l2(first, expected(full.goldens, "moments")));
}

TEST_CASE("a single file of Stable Diffusion 1.5's size gives the picture of diffusers",
          "[gpu][.nightly]") {
    const FullSize full("image", "sd15_file");
    const ImageOptions options{
        .tokenizer = (fs::path(KILN_SOURCE_DIR) / "modalities/text/clip_bpe").string()};
    ImagePipeline pipeline = take(ImagePipeline::open(full.device, full.path(), options));
    const ImageRequest request{
        .prompt = "a photo of a red cube", .width = 256, .height = 256, .steps = 3, .seed = 7};
    const Image image = take(pipeline.run(request)).at(0).image;
    const TensorInfo* info = full.goldens.find("picture");
    REQUIRE(info);
    const auto bytes = full.goldens.bytes(*info);
    double sum = 0;
    int largest = 0;
    for (size_t y = 0; y < 64; y++)
        for (size_t x = 0; x < 192; x++) {
            const int found = image.pixels[(4 * y * 256 + 4 * (x / 3)) * 3 + x % 3];
            const int difference = std::abs(found - int(uint8_t(bytes[y * 192 + x])));
            sum += difference;
            largest = std::max(largest, difference);
        }
    std::printf("picture: mean difference %.3f, largest %d\n", sum / (64 * 192), largest);
    CHECK(sum / (64 * 192) <= 0.25);
    CHECK(largest <= 3);
}
