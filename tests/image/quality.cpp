// What weights in each format cost: the relative L2 of one forward of a U-Net against f32 weights,
// and the PSNR of a picture of the default model. Prints the table of modalities/image/README.md:
//     test_image "[quality]"
#include <catch2/catch_test_macros.hpp>
#include <cstdio>

#include "modalities/image/pipeline.h"
#include "modalities/latent/unet.h"
#include "runtime/graph/graph.h"
#include "runtime/io/quantise.h"
#include "tests/support/full_size.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Limits {
    DType type;
    double trained, random;   // relative L2: the default model's U-Net, one of SD 1.5's size
    double psnr;              // dB
};

// About twice the measured errors, and 6 dB below the measured PSNR.
constexpr Limits kLimits[] = {
    {DType::f16, 1e-6, 1e-6, 80},     {DType::bf16, 2.5e-3, 7e-3, 54},
    {DType::f8_e4m3, 4e-2, 1e-1, 26}, {DType::f8_e5m2, 6e-2, 2e-1, 28},
    {DType::q8_0, 7e-3, 1.4e-2, 44},  {DType::q6_k, 9e-3, 3e-2, 45},
    {DType::q5_k, 1e-1, 1e-1, 29},    {DType::q5_0, 1e-1, 1.2e-1, 30},
    {DType::q4_k, 1e-1, 1.4e-1, 28},  {DType::q4_0, 1.2e-1, 2.2e-1, 24},
};

bool is_gguf(DType type) { return is_block(type) || type == DType::f16; }

// The model with its linear layers in `type`, in a file beside `stem`; its name.
std::string converted(const TensorFiles& model, DType type, const fs::path& stem) {
    if (is_gguf(type)) {
        const std::string file = stem.string() + ".gguf";
        take(write_quantised(file, model, type));
        return file;
    }
    const std::string file = stem.string() + ".safetensors";
    std::vector<std::vector<std::byte>> storage;
    std::vector<TensorToWrite> tensors;
    for (const auto& [name, entry] : model.entries()) {
        const bool linear = entry.info->shape.rank() == 2;
        const DType dtype = linear                         ? type
                            : is_float(*entry.info->dtype) ? DType::f16
                                                           : *entry.info->dtype;
        auto& bytes = storage.emplace_back(bytes_of(dtype, entry.info->shape.count()));
        if (is_float(dtype)) {
            const auto values = take(entry.file->values(*entry.info));
            from_f32(dtype, values.data(), bytes.data(), values.size());
        } else {
            std::ranges::copy(entry.file->bytes(*entry.info), bytes.begin());
        }
        tensors.push_back({name, dtype, entry.info->shape, {}});
    }
    for (size_t i = 0; i < tensors.size(); i++) tensors[i].bytes = storage[i];
    take(write_safetensors(file, tensors));
    return file;
}

// One prediction in f32 of a U-Net whose weights lie in `file`.
std::vector<float> forward(const std::string& file, const UNetConfig& c, int64_t size,
                           Storage storage, DType activations = DType::f32) {
    const auto device = test_device();
    Weights weights(device, std::make_shared<TensorFiles>(take(TensorFiles::open(file))),
                    {.storage = storage});
    const UNet unet(weights, c);
    UNetInputs in{.latent = input("latent", {1, size, size, c.in_channels}),
                  .timestep = input("timestep", {1}),
                  .context = input("context", {1, 77, c.context[0]}),
                  .dtype = activations};
    Graph graph = take(Graph::compile(device, {unet(in)}));
    take(graph.write(in.latent, noise("latent", in.latent.shape().count(), 2)));
    take(graph.write(in.timestep, std::vector<float>{501}));
    take(graph.write(in.context, noise("context", in.context.shape().count(), 2)));
    take(graph.run());
    return take(graph.read());
}

Image picture(const fs::path& model, int steps) {
    ImagePipeline pipeline = take(ImagePipeline::open(test_device(), model.string()));
    const ImageRequest request{.prompt = "a red circle", .steps = steps, .seed = 1};
    return take(pipeline.run(request)).at(0).image;
}

double psnr(const Image& a, const Image& b) {
    REQUIRE(a.pixels.size() == b.pixels.size());
    double squares = 0;
    for (size_t i = 0; i < a.pixels.size(); i++)
        squares += std::pow(double(a.pixels[i]) - double(b.pixels[i]), 2);
    return 10 * std::log10(255.0 * 255.0 * double(a.pixels.size()) / std::max(squares, 1.0));
}

const fs::path kDefault = fs::path(KILN_SOURCE_DIR) / "modalities/image/default";

// The default model with all its networks in `type`.
void convert_folder(const fs::path& target, DType type) {
    fs::copy(kDefault, target, fs::copy_options::recursive);
    for (const char* part : {"unet", "vae", "text_encoder"}) {
        const TensorFiles model = take(TensorFiles::open_folder((kDefault / part).string()));
        const fs::path file = target / part / fs::path(model.path()).filename();
        fs::remove(file);
        converted(model, type, fs::path(file).replace_extension());
    }
}

// Configuration and weights file of the U-Net in a folder like that of the default model.
std::pair<UNetConfig, std::string> default_unet(const fs::path& root) {
    const std::string config = (root / "unet/config.json").string();
    const auto document = take(read_json(config));
    return {take(parse_unet_config(JsonObject(document, config))),
            take(TensorFiles::open_folder((root / "unet").string())).path()};
}

void check_default(DType type, int steps) {
    CAPTURE(name_of(type));
    const Limits& limits = *std::ranges::find(kLimits, type, &Limits::type);
    TemporaryFolder folder("quality-" + std::string(name_of(type)));
    convert_folder(folder.path / "model", type);
    const auto [c, file] = default_unet(kDefault);
    static const auto exact = forward(file, c, 16, Storage::f32);
    const auto found = forward(default_unet(folder.path / "model").second, c, 16, Storage::as_file);
    static std::map<int, Image> pictures;
    if (!pictures.contains(steps)) pictures[steps] = picture(kDefault, steps);
    const double error = relative_l2(found, exact),
                 decibels = psnr(picture(folder.path / "model", steps), pictures[steps]);
    std::printf("default model, %-8s relative L2 %.2e, PSNR %.1f dB\n",
                std::string(name_of(type)).c_str(), error, decibels);
    CHECK(error < limits.trained);
    CHECK(decibels > limits.psnr);
}

}   // namespace

TEST_CASE("eight and four bits a weight keep the default model's picture", "[gpu]") {
    check_default(DType::q8_0, 4);
    check_default(DType::q4_0, 4);
}

TEST_CASE("activations of 16 bits keep the default model's prediction", "[gpu][quality]") {
    const auto [c, file] = default_unet(kDefault);
    const auto exact = forward(file, c, 16, Storage::f32);
    for (auto [type, limit] : {std::pair{DType::f16, 2e-3}, {DType::bf16, 2e-2}}) {
        const double error = relative_l2(forward(file, c, 16, Storage::as_file, type), exact);
        std::printf("default model, activations in %-4s relative L2 %.2e\n",
                    std::string(name_of(type)).c_str(), error);
        CHECK(error < limit);
        CHECK(error > limit / 100);
    }
}

TEST_CASE("what each format costs the default model", "[gpu][.nightly][quality]") {
    for (const Limits& limits : kLimits) check_default(limits.type, 20);
}

TEST_CASE("what each format costs a U-Net of the size of Stable Diffusion 1.5",
          "[gpu][.nightly][quality]") {
    const FullSize full("image", "unet_sd15");
    const UNetConfig c = take(parse_unet_config(full.config()));
    const auto exact = forward(full.path(), c, 16, Storage::f32);
    const TensorFiles model = take(TensorFiles::open(full.path()));
    for (const Limits& limits : kLimits) {
        CAPTURE(name_of(limits.type));
        const std::string file = converted(model, limits.type, full.folder.path / "converted");
        const double error = relative_l2(forward(file, c, 16, Storage::as_file), exact);
        std::printf("SD 1.5's size, %-8s relative L2 %.2e, %.2f GB\n",
                    std::string(name_of(limits.type)).c_str(), error,
                    double(fs::file_size(file)) / 1e9);
        CHECK(error < limits.random);
        fs::remove(file);
    }
}
