// AudioLDM's U-Net and autoencoder against diffusers: tools/reference/audioldm.py.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"
#include "runtime/graph/graph.h"
#include "tests/audio/models.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-4;   // relative L2

// Both attentions of every block look at the same x: there is no text to look at.
UNetConfig without_text(UNetConfig c) {
    std::fill(c.context.begin(), c.context.end(), 0);
    return c;
}

double unet_error(Weights weights, const UNetConfig& c, const Safetensors& goldens, int64_t height,
                  int64_t width) {
    const UNet unet(weights, c);
    const UNetInputs in{.latent = input("latent", {2, height, width, c.in_channels}),
                        .timestep = input("timestep", {2}),
                        .label = input("label", {2, c.projection_width})};
    Graph graph = take(Graph::compile(weights.device(), {unet(in)}));
    const int64_t count = 2 * c.in_channels * height * width;
    take(graph.write(in.latent, channels_last(noise("latent", count, 2), 2, c.in_channels)));
    take(graph.write(in.timestep, std::vector<float>{981.0f, 20.5f}));
    take(graph.write(in.label, noise("label", 2 * c.projection_width)));
    take(graph.run());
    return relative_l2(channels_first(take(graph.read()), 2, c.out_channels),
                       expected(goldens, "unet"));
}

struct VaeErrors {
    double mel, moments;
};

VaeErrors vae_errors(Weights weights, const VaeConfig& c, const Safetensors& goldens,
                     int64_t frames, int64_t mels) {
    const VaeDecoder decoder(weights, c);
    const VaeEncoder encoder(weights, c);
    const int64_t h = frames / c.factor(), w = mels / c.factor();
    const Tensor z = input("z", {1, h, w, c.latent_channels});
    const Tensor mel = input("mel", {1, frames, mels, 1});
    Graph graph = take(Graph::compile(weights.device(), {decoder(z), encoder(mel)}));
    take(graph.write(
        z, channels_last(noise("z", h * w * c.latent_channels, 4), 1, c.latent_channels)));
    take(graph.write(mel, noise("mel", frames * mels)));
    take(graph.run());
    return {relative_l2(take(graph.read(0)), expected(goldens, "mel")),
            relative_l2(channels_first(take(graph.read(1)), 1, 2 * c.latent_channels),
                        expected(goldens, "moments"))};
}

Weights weights_in(const std::shared_ptr<Device>& device, const fs::path& folder) {
    return {device, std::make_shared<TensorFiles>(take(TensorFiles::open_folder(folder)))};
}

}   // namespace

TEST_CASE("AudioLDM's U-Net and autoencoder agree with diffusers", "[gpu]") {
    const auto device = test_device(GENERATE(from_range(kProfiles)));
    const TemporaryFolder folder("audioldm-networks");
    write_audioldm(folder.path);
    const nlohmann::json files = audio_golden("audioldm").at("files");
    const auto config = [&](const char* file) { return JsonObject(files.at(file), file); };
    const Safetensors goldens = audio_values("audioldm");
    const UNetConfig unet = take(parse_unet_config(config("unet/config.json")));
    CHECK(unet.concatenates_class);
    CHECK(unet.context == unet.channels);
    CHECK(unet_error(weights_in(device, folder.path / "unet"), without_text(unet), goldens, 13, 8) <
          kTolerance);
    const VaeConfig vae = take(parse_vae_config(config("vae/config.json")));
    const VaeErrors errors =
        vae_errors(weights_in(device, folder.path / "vae"), vae, goldens, 44, 32);
    CHECK(errors.mel < kTolerance);
    CHECK(errors.moments < kTolerance);
    check_silent(*device);
}

TEST_CASE("AudioLDM-S's U-Net at full size agrees with diffusers", "[.][gpu][nightly]") {
    const FullSize full("audio", "audioldm_unet");
    const UNetConfig c = without_text(take(parse_unet_config(full.config())));
    CHECK(unet_error(full.weights(), c, full.goldens, 52, 16) < kTolerance);
}

TEST_CASE("AudioLDM's autoencoder at full size agrees with diffusers", "[.][gpu][nightly]") {
    const FullSize full("audio", "audioldm_vae");
    const VaeConfig c = take(parse_vae_config(full.config()));
    const VaeErrors errors = vae_errors(full.weights(), c, full.goldens, 112, 64);
    CHECK(errors.mel < kTolerance);
    CHECK(errors.moments < kTolerance);
}
