// Whole pictures by seed against diffusers: every sampler, every family, every kind of request.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <memory>

#include "modalities/image/pipeline.h"
#include "tests/image/models.h"
#include "tests/image/pictures.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

ImageRequest request_of(const nlohmann::json& c) {
    ImageRequest r{.prompt = c.at("prompt"),
                   .width = c.at("width"),
                   .height = c.at("height"),
                   .steps = c.at("steps")};
    if (c.contains("negative")) r.negative = c.at("negative").get<std::string>();
    if (c.contains("cfg")) r.cfg = c.at("cfg").get<double>();
    if (c.contains("eta")) r.eta = c.at("eta").get<double>();
    r.sampler = c.value("sampler", "");
    r.schedule = c.value("schedule", "default");
    r.seed = c.at("seed");
    r.count = r.batch = c.value("count", 1);
    r.clip_skip = c.value("clip_skip", 0);
    r.guidance_rescale = c.value("guidance_rescale", 0.0);
    r.strength = c.value("strength", 1.0);
    if (c.contains("init")) r.init = noise_picture(c.at("init"), r.width, r.height);
    if (c.contains("mask")) r.mask = half_mask(r.width, r.height);
    return r;
}

// Opened once a process: models are written to a folder, loaded, and the folder goes.
ImagePipeline& pipeline(const std::string& model) {
    static std::map<std::string, std::unique_ptr<ImagePipeline>> open;
    auto& entry = open[model];
    if (!entry) {
        TemporaryFolder folder("pipeline-" + model);
        write_model(model, folder.path);
        entry = std::make_unique<ImagePipeline>(
            take(ImagePipeline::open(test_device(), folder.path.string())));
    }
    return *entry;
}

const nlohmann::json& cases() {
    static const nlohmann::json document = golden_document("pipelines");
    return document.at("cases");
}

std::vector<std::string> case_names() {
    std::vector<std::string> names;
    for (const auto& [name, value] : cases().items()) names.push_back(name);
    return names;
}

}   // namespace

TEST_CASE("a seed gives the picture of diffusers' pipelines", "[gpu]") {
    const std::string name = GENERATE(from_range(case_names()));
    CAPTURE(name);
    const nlohmann::json& c = cases().at(name);
    const auto pictures = pipeline(c.at("model")).run(request_of(c));
    if (!pictures) FAIL(pictures.error().message);
    const Safetensors file =
        take(Safetensors::open((kImageGoldens / c.at("file").get<std::string>()).string()));
    check_pictures(*pictures, file, name);
}

TEST_CASE("guidance in two passes and other batch sizes change nothing", "[gpu]") {
    ImageRequest r{.prompt = "a red cube",
                   .width = 40,
                   .height = 32,
                   .steps = 2,
                   .sampler = "euler_a",
                   .count = 3,
                   .batch = 1};
    const auto one = take(pipeline("sd1").run(r));
    r.batch = 2;
    r.two_passes = true;
    const auto two = take(pipeline("sd1").run(r));
    REQUIRE(one.size() == 3);
    REQUIRE(two.size() == 3);
    for (size_t i = 0; i < 3; i++) {
        CHECK(one[i].seed == i);
        int largest = 0;
        for (size_t k = 0; k < one[i].image.pixels.size(); k++)
            largest = std::max(largest,
                               std::abs(int(one[i].image.pixels[k]) - int(two[i].image.pixels[k])));
        CHECK(largest <= 1);
    }
    check_silent(*test_device());
}
