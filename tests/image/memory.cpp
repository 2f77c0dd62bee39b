// Device memory that does not suffice: what is given up for it changes no picture, limits hold, and
// what fits nowhere says what would.
#include <catch2/catch_test_macros.hpp>
#include <regex>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/fallback.h"
#include "modalities/latent/layout.h"
#include "modalities/image/pipeline.h"
#include "modalities/latent/tiles.h"
#include "modalities/latent/unet.h"
#include "modalities/latent/vae.h"
#include "tests/image/models.h"
#include "tests/image/pictures.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// A model that is opened with limits, each on a device of its own.
struct Limited {
    TemporaryFolder folder{"limited"};
    std::vector<std::string> log;
    MemoryUse use{};

    explicit Limited(const std::string& model) { write_model(model, folder.path); }

    Result<std::vector<Picture>> run(const ImageRequest& request, uint64_t limit) {
        DeviceOptions options = device_options("");
        options.memory_limit = limit;
        auto device = open_device(options);
        log.clear();
        const ImageOptions with_log{
            .log = [&](LogLevel, std::string_view text) { log.emplace_back(text); }};
        auto pipeline = ImagePipeline::open(device, folder.path.string(), with_log);
        if (!pipeline) return pipeline.error();
        auto pictures = pipeline->run(request);
        use = device->memory();
        check_silent(*device);
        return pictures;
    }
    bool logged(const std::string& words) const {
        return std::any_of(log.begin(), log.end(), [&](const std::string& line) {
            return line.find(words) != std::string::npos;
        });
    }
};

int largest_difference(const Image& a, const Image& b) {
    REQUIRE(a.pixels.size() == b.pixels.size());
    int largest = 0;
    for (size_t i = 0; i < a.pixels.size(); i++)
        largest = std::max(largest, std::abs(int(a.pixels[i]) - int(b.pixels[i])));
    return largest;
}

// The number that `pattern` captures.
uint64_t number(const std::string& text, const std::string& pattern) {
    std::smatch found;
    INFO(text);
    REQUIRE(std::regex_search(text, found, std::regex(pattern)));
    return std::stoull(found[1]);
}

constexpr uint64_t kMebibyte = 1u << 20;

// The least limit for a request: from one that is far too low as the errors say.
uint64_t least_limit(Limited& model, const ImageRequest& request) {
    uint64_t limit = kMebibyte / 2;
    for (int network = 0; network < 3; network++) {
        const auto pictures = model.run(request, limit);
        if (pictures) return limit;
        CHECK(pictures.error().status == Status::out_of_memory);
        const uint64_t next =
            number(pictures.error().message, "would fit within (\\d+)\\.0 MiB") * kMebibyte;
        CHECK(next > limit);
        limit = next;
    }
    return limit;
}

std::vector<float> channels_last(const std::vector<float>& x, int64_t c) {
    std::vector<float> result(x.size());
    to_channels_last(x, result.data(), 1, c, int64_t(x.size()) / c, c);
    return result;
}

}   // namespace

TEST_CASE("a model that does not fit its device gives the same picture, within the limit",
          "[gpu]") {
    Limited model("sdxl");
    const ImageRequest request{
        .prompt = "a red cube", .width = 64, .height = 72, .steps = 2, .cfg = 1, .vae_tile = 0};
    const Image whole = take(model.run(request, 0)).at(0).image;
    CHECK(model.log.size() <= 1);   // the memory that was held
    const uint64_t least = least_limit(model, request);
    for (uint64_t limit : {least, least + 3 * kMebibyte}) {
        const auto pictures = model.run(request, limit);
        if (!pictures) FAIL(pictures.error().message);
        CHECK(model.logged("each network is loaded in turn"));
        CHECK(model.logged("come from the host in each pass"));
        CHECK(model.use.peak <= limit);
        CHECK(pictures->at(0).image.pixels == whole.pixels);
    }
}

TEST_CASE("guidance in passes and a picture in tiles come before a refusal", "[gpu]") {
    Limited model("sd1");
    ImageRequest request{.prompt = "a red cube", .width = 256, .height = 256, .steps = 1, .cfg = 7};
    const Image whole = take(model.run(request, 0)).at(0).image;
    const uint64_t least = least_limit(model, request);
    const auto pictures = model.run(request, least);
    if (!pictures) FAIL(pictures.error().message);
    CHECK(model.use.peak <= least);
    CHECK(model.logged("now guidance in two passes"));
    CHECK(model.logged("the autoencoder works in tiles of"));
    const auto line = std::find_if(model.log.rbegin(), model.log.rend(), [](const auto& text) {
        return text.find("in tiles of") != std::string::npos;
    });
    request.vae_tile = int(number(*line, "tiles of (\\d+) x"));
    const Image tiled = take(model.run(request, 0)).at(0).image;
    CHECK(largest_difference(tiled, pictures->at(0).image) <= 1);
    CHECK(largest_difference(tiled, whole) > 1);

    request.vae_tile = 0;
    const auto refused = model.run(request, least);
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::out_of_memory);
    const uint64_t enough =
        number(refused.error().message, "would fit within (\\d+)\\.0 MiB, or in") * kMebibyte;
    const auto fits = model.run(request, enough);
    if (!fits) FAIL(fits.error().message);
    CHECK(largest_difference(whole, fits->at(0).image) <= 1);
}

TEST_CASE("what does not fit names a size that does", "[gpu]") {
    Limited model("sd1");
    ImageRequest request{.prompt = "a red cube", .width = 768, .height = 384, .steps = 1};
    const uint64_t limit = least_limit(model, request) * 4 / 5;
    const auto refused = model.run(request, limit);
    REQUIRE(!refused);
    const std::string& message = refused.error().message;
    request.width = int(number(message, "and (\\d+) x \\d+ within what is there"));
    request.height = int(number(message, "and \\d+ x (\\d+) within what is there"));
    CHECK(request.width > 64);
    CHECK(request.width < 768);
    const auto pictures = model.run(request, limit);
    if (!pictures) FAIL(pictures.error().message);
    CHECK(model.use.peak <= limit);
}

TEST_CASE("memory is yielded in order, and in the end no more") {
    DenoiserJob asked{.samples = 3, .weights = Placing::resident}, job = asked;
    std::vector<std::string> steps;
    while (const auto step = yield_memory(job, asked, false)) steps.push_back(*step);
    CHECK(steps == std::vector<std::string>{"guidance in two passes", "2 at once", "1 at once",
                                            "weights from the host in each pass",
                                            "guidance in two passes"});
    CHECK(job.two_passes);
    CHECK(job.samples == 1);
    CHECK(job.weights == Placing::automatic);
    CHECK(yield_memory(job, asked, true) == "weights that stay on the host");
    CHECK(job.weights == Placing::host);
    CHECK(yield_memory(job, asked, true) == "guidance in two passes");
    CHECK(!yield_memory(job, asked, true));

    std::vector<int> tiles;
    for (auto tile = smaller_tile(0, 1024, 8); tile; tile = smaller_tile(*tile, 1024, 8))
        tiles.push_back(*tile);
    CHECK(tiles == std::vector<int>{512, 256, 128, 64});
    CHECK(smaller_tile(0, 200, 8) == 128);
    CHECK(!smaller_tile(0, 64, 8));
}

TEST_CASE("the largest size that fits has the shape that was asked for") {
    const auto needs = [](const DenoiserJob& job) {
        CHECK(job.two_passes);
        CHECK(job.samples == 1);
        const uint64_t area = uint64_t(job.height) * uint64_t(job.width);
        return GraphNeeds{.values = area << 10,
                          .weights = 90 << 20,
                          .least_weights = 10 << 20,
                          .small_weights = 1 << 20};
    };
    DenoiserJob job{.samples = 2, .height = 128, .width = 256};
    const Fit fit = what_fits(job, false, 1 << 20, 30 << 20, needs);
    CHECK(fit.limit == limit_for((32 + 10 + 1) << 20));
    CHECK(fit.width == 2 * fit.height);
    CHECK(limit_for((uint64_t(fit.height * fit.width) << 10) + (11 << 20)) <= 30 << 20);
    CHECK(limit_for((uint64_t((fit.height + 1) * (fit.width + 2)) << 10) + (11 << 20)) > 30 << 20);
    CHECK(what_fits(job, false, 1 << 20, 10 << 20, needs).height == 0);
    job.weights = Placing::host;
    CHECK(what_fits(job, false, 1 << 20, 10 << 20, needs).limit == limit_for((32 + 1 + 1) << 20));
    CHECK(what_fits(job, false, 1 << 20, 10 << 20, needs).height > 0);
}

TEST_CASE("wherever weights lie and however they come, networks compute the same", "[gpu]") {
    const auto device = test_device();
    TemporaryFolder folder("placing");
    write_model("sd1", folder.path);
    const Checkpoint model = take(open_checkpoint(folder.path.string()));
    Weights unet_weights(device, model.unet_part.files, {.deferred = true}),
        vae_weights(device, model.vae_part.files, {.deferred = true});
    const Tensor latent = input("latent", {2, 12, 8, 4}), timestep = input("timestep", {2}),
                 context = input("context", {2, 77, model.unet.context[0]}),
                 z = input("z", {1, 12, 8, 4});
    const std::vector<Tensor> outputs = {
        UNet(unet_weights,
             model.unet)({.latent = latent, .timestep = timestep, .context = context}),
        VaeDecoder(vae_weights, model.vae)(z)};
    const auto computed = [&](const GraphOptions& options) {
        Graph graph = take(Graph::compile(device, outputs, options));
        CHECK((options.weights == Placing::streamed) == (graph.stats().segments > 1));
        CHECK((options.weights == Placing::host) == (graph.stats().in_place_bytes > 4 << 20));
        for (const Tensor& in : {latent, context, z})
            take(graph.write(in, noise(in.path(), in.shape().count())));
        take(graph.write(timestep, std::vector<float>{981, 981}));
        take(graph.run());
        take(graph.run());   // the ring was used
        return std::pair(take(graph.read(0)), take(graph.read(1)));
    };
    const auto streamed = computed({.weights = Placing::streamed});
    CHECK(computed({.weights = Placing::streamed, .bringing = Bringing::aside}) == streamed);
    CHECK(computed({.weights = Placing::streamed, .bringing = Bringing::between}) == streamed);
    CHECK(computed({.weights = Placing::host}) == streamed);
    CHECK(computed({.weights = Placing::resident}) == streamed);
    check_silent(*device);
}

TEST_CASE("the autoencoder in tiles agrees with diffusers", "[gpu]") {
    const auto device = test_device();
    TemporaryFolder folder("tiles");
    write_model("sd1", folder.path);
    const Checkpoint model = take(open_checkpoint(folder.path.string()));
    const Safetensors goldens =
        take(Safetensors::open((kImageGoldens / "tiles.safetensors").string()));
    Weights weights(device, model.vae_part.files, {.names = model.vae_part.names});
    const VaeDecoder decoder(weights, model.vae);
    const VaeEncoder encoder(weights, model.vae);
    const auto by = [&](const auto& network, int64_t channels) -> TileNetwork {
        return [&, channels](std::span<const float> tile, int64_t height, int64_t width) {
            const Tensor in = input("tile", {1, height, width, channels});
            Graph graph = take(Graph::compile(device, {network(in)}));
            take(graph.write(in, tile));
            take(graph.run());
            return take(graph.read());
        };
    };
    const auto picture = in_tiles(channels_last(noise("tiled z", 4 * 19 * 13, 4), 4), 19, 13,
                                  {8, 64, 4, 3}, by(decoder, 4));
    std::vector<float> thinned;
    for (size_t c = 0; c < 3; c++)
        for (size_t y = 0; y < 152; y += 3)
            for (size_t x = 0; x < 104; x += 3) thinned.push_back(picture[(y * 104 + x) * 3 + c]);
    CHECK(relative_l2(thinned, expected(goldens, "picture")) < 1e-4);

    const auto moments = in_tiles(channels_last(noise("tiled picture", 3 * 152 * 104), 3), 152, 104,
                                  {64, 8, 3, 8}, by(encoder, 3));
    std::vector<float> first(moments.size());
    to_channels_first(moments, first.data(), 1, 8, 19 * 13);
    CHECK(relative_l2(first, expected(goldens, "moments")) < 1e-4);
    check_silent(*device);
}
