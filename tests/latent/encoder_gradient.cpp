// Gradients through the encoder against PyTorch's in double, and against differences of the encoder
// itself.
#include "modalities/latent/encoder_gradient.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "modalities/latent/autoencoder.h"
#include "modalities/latent/layout.h"
#include "runtime/io/file.h"
#include "tests/support/device.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;

namespace {

constexpr double kTolerance = 1e-4;   // relative L2

const fs::path kSource = KILN_SOURCE_DIR, kGoldens = KILN_GOLDEN_DIR;

// An autoencoder's files, which go with it.
struct Files {
    TemporaryFolder folder{"encoder-gradient"};
    VaeConfig config;
    std::string weights;

    // The small one of tests/golden/image/NAME.json, or the one that comes with Kiln.
    explicit Files(const std::string& name) {
        if (name == "trained") {
            read(kSource / "modalities/image/default/vae");
            return;
        }
        const auto document = take(read_json((kGoldens / "image" / (name + ".json")).string()));
        const std::string stem = "vae/diffusion_pytorch_model.safetensors";
        Tensors tensors;
        collect(document.at("tensors").at(stem), "", tensors);
        for (auto& [name, tensor] : tensors) tensor.second = weight(name, tensor.first);
        write_tensors(folder.path / "diffusion_pytorch_model.safetensors", tensors, DType::f32);
        const std::string text = document.at("files").at("vae/config.json").dump();
        take(write_file((folder.path / "config.json").string(), as_bytes(text)));
        read(folder.path);
    }
    VaeEncoder encoder(const std::shared_ptr<Device>& device) const {
        Weights source(device, std::make_shared<TensorFiles>(take(TensorFiles::open(weights))));
        return {source, config};
    }

private:
    void read(const fs::path& from) {
        const auto json = take(read_json((from / "config.json").string()));
        config = take(parse_vae_config({json, "config.json"}));
        weights = (from / "diffusion_pytorch_model.safetensors").string();
    }
};

std::vector<float> channels_last(const std::vector<float>& x, int64_t n, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_last(x, result.data(), n, c, int64_t(x.size()) / n / c, c);
    return result;
}

std::vector<float> channels_first(const std::vector<float>& x, int64_t n, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_first(x, result.data(), n, c, int64_t(x.size()) / n / c);
    return result;
}

// The gradient by noise of noise times the mean, [n, 3, h, w], as in the goldens.
std::vector<float> gradient_of(EncoderGradient& encoder, const VaeConfig& config, int images,
                               int height, int width) {
    const int64_t area = int64_t(height) * width, factor = config.factor();
    encoder.encode(channels_last(noise("picture", images * 3 * area), images, 3));
    std::vector<float> cotangent =
        noise("cotangent", images * config.latent_channels * area / (factor * factor));
    for (float& v : cotangent) v /= config.scale;
    return channels_first(encoder.gradient(cotangent), images, 3);
}

std::vector<float> expected(const std::string& name) {
    const auto goldens =
        take(Safetensors::open((kGoldens / "latent/encoder_gradient.safetensors").string()));
    return test::expected(goldens, name);
}

void check_golden(const std::string& name, int images, int height, int width,
                  const std::string& profile) {
    CAPTURE(name, profile);
    const auto device = test_device(profile);
    const Files files(name);
    EncoderGradient encoder(device, std::make_shared<Workspace>(device), files.encoder(device),
                            files.config, images, height, width);
    const double error =
        relative_l2(gradient_of(encoder, files.config, images, height, width), expected(name));
    CAPTURE(error);
    CHECK(error < kTolerance);
    check_silent(*device);
}

}   // namespace

TEST_CASE("gradients by the picture agree with PyTorch's", "[gpu]") {
    check_golden("sd1", 2, 16, 24, GENERATE("", "minimal"));
}

TEST_CASE("gradients of every kind of encoder agree with PyTorch's", "[gpu][.nightly]") {
    check_golden("sd1", 2, 16, 24, GENERATE("desktop", "mobile"));
    check_golden("sdxl", 1, 24, 40, "");
    check_golden("trained", 1, 40, 48, "");
}

TEST_CASE("gradients do not depend on what is kept and what is computed again", "[gpu]") {
    const auto device = test_device();
    const Files files("sd1");
    const auto workspace = std::make_shared<Workspace>(device);
    const VaeEncoder network = files.encoder(device);
    EncoderGradient all(device, workspace, network, files.config, 2, 16, 24),
        some(device, workspace, network, files.config, 2, 16, 24, {.less_memory = true});
    CHECK(relative_l2(gradient_of(some, files.config, 2, 16, 24),
                      gradient_of(all, files.config, 2, 16, 24)) < 1e-5);
    CHECK(double(some.kept_bytes()) < 0.7 * double(all.kept_bytes()));
}

TEST_CASE("gradients in half precision come near those in f32", "[gpu][.nightly]") {
    const auto device = test_device();
    const Files files("sd1");
    EncoderGradient half(device, std::make_shared<Workspace>(device), files.encoder(device),
                         files.config, 2, 16, 24, {.dtype = DType::f16});
    CHECK(relative_l2(gradient_of(half, files.config, 2, 16, 24), expected("sd1")) < 1e-2);
}

TEST_CASE("gradients by the picture are those that differences show", "[gpu]") {
    const auto device = test_device();
    const Files files("sd1");
    EncoderGradient encoder(device, std::make_shared<Workspace>(device), files.encoder(device),
                            files.config, 1, 16, 16);
    const std::vector<float> picture = noise("a", 768), direction = noise("b", 768),
                             cotangent = noise("c", 16);
    const auto along = [&](float step) {
        std::vector<float> moved = picture;
        for (size_t i = 0; i < moved.size(); i++) moved[i] += step * direction[i];
        const std::vector<float> latents = encoder.encode(moved);
        double sum = 0;
        for (size_t i = 0; i < latents.size(); i++) sum += double(latents[i]) * cotangent[i];
        return sum;
    };
    const double slope = (along(0.01f) - along(-0.01f)) / 0.02;
    along(0);
    const std::vector<float> gradient = encoder.gradient(cotangent);
    double found = 0;
    for (size_t i = 0; i < gradient.size(); i++) found += double(gradient[i]) * direction[i];
    CHECK(std::abs(found - slope) < 1e-3 * std::abs(slope));
}

TEST_CASE("a gradient is linear in its cotangent and stays until the next picture", "[gpu]") {
    const auto device = test_device();
    const Files files("sd1");
    const auto workspace = std::make_shared<Workspace>(device);
    EncoderGradient encoder(device, workspace, files.encoder(device), files.config, 1, 16, 16),
        other(device, workspace, files.encoder(device), files.config, 1, 24, 32);
    encoder.encode(noise("a", 768));
    std::vector<float> cotangent = noise("c", 16);
    const std::vector<float> once = encoder.gradient(cotangent);
    other.encode(noise("d", 3 * 24 * 32));   // in the same workspace
    other.gradient(noise("e", 48));
    CHECK(encoder.gradient(cotangent) == once);
    for (float& v : cotangent) v *= -2;
    std::vector<float> twice = encoder.gradient(cotangent);
    for (float& v : twice) v *= -0.5f;
    CHECK(twice == once);
    CHECK(encoder.kept_bytes() > 0);
}

TEST_CASE("a gradient takes less memory where there is not enough", "[gpu][.nightly]") {
    const Files files("sdxl");
    struct Made {
        uint64_t kept, peak;
    };
    const auto make = [&](uint64_t limit, bool less_memory) {
        DeviceOptions options = device_options();
        options.memory_limit = limit;
        const auto device = open_device(options);
        std::unordered_set<std::string> claimed;
        Autoencoder autoencoder(
            device, std::make_shared<Workspace>(device),
            {std::make_shared<TensorFiles>(take(TensorFiles::open(files.weights))), {}},
            files.config, {}, {}, claimed);
        const EncoderGradient made =
            autoencoder.encoder_gradient(1, 1024, 1024, {.less_memory = less_memory});
        return Made{made.kept_bytes(), device->memory().peak};
    };
    const Made all = make(0, false), some = make(0, true);
    uint64_t limit = all.peak;
    Made made = make(limit, false);
    CHECK(made.kept == all.kept);
    while (made.kept == all.kept) made = make(limit -= limit / 16, false);
    CHECK(made.kept == some.kept);
    CHECK(made.peak <= limit);
    CHECK_THROWS_AS(make(some.kept, false), ResultError);
}

TEST_CASE("what cannot be differentiated is said", "[gpu]") {
    const auto device = test_device();
    const Files files("sd1");
    const auto workspace = std::make_shared<Workspace>(device);
    const VaeEncoder network = files.encoder(device);
    CHECK_THROWS_AS(EncoderGradient(device, workspace, network, files.config, 1, 16, 20),
                    ResultError);
    EncoderGradient encoder(device, workspace, network, files.config, 1, 16, 16);
    CHECK_THROWS_AS(encoder.gradient(noise("c", 16)), InvariantError);
    std::vector<float> picture = noise("a", 768);
    encoder.encode(picture);
    CHECK_THROWS_AS(encoder.gradient(noise("c", 17)), ResultError);
    CHECK_THROWS_AS(encoder.encode(noise("a", 767)), ResultError);
    picture[5] = NAN;
    CHECK_THROWS_AS(encoder.encode(picture), ResultError);
}

TEST_CASE("the full-size encoder's gradient agrees with PyTorch's", "[gpu][.nightly]") {
    const FullSize full("image", "vae");
    const VaeConfig config = take(parse_vae_config(full.config()));
    Weights weights = full.weights();
    EncoderGradient encoder(full.device, std::make_shared<Workspace>(full.device),
                            VaeEncoder(weights, config), config, 1, 32, 48);
    const double error = relative_l2(gradient_of(encoder, config, 1, 32, 48), expected("full"));
    CAPTURE(error);
    CHECK(error < kTolerance);
}
