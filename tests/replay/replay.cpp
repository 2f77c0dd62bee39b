// What a sampling step costs the host: a replay of the U-Net's graph allocates nothing, writes no
// descriptor and creates no pipeline.
#include <catch2/catch_test_macros.hpp>

#include "modalities/image/checkpoint.h"
#include "modalities/latent/unet.h"
#include "runtime/graph/graph.h"
#include "tests/image/models.h"
#include "tests/replay/allocations.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("operator new is counted", "[vk]") {
    const uint64_t before = allocations();
    ::operator delete(::operator new(1));
    CHECK(allocations() == before + 1);
}

TEST_CASE("a replayed step allocates nothing and asks the driver only to run it", "[gpu]") {
    // Without the validation layer, which allocates in every call.
    DeviceOptions options = device_options();
    options.validation = false;
    const auto device = open_device(options);
    TemporaryFolder folder("replay");
    write_model("sd1", folder.path);
    const Checkpoint model = take(open_checkpoint(folder.path.string()));
    Weights weights(device, model.unet_part.files, {.names = model.unet_part.names});
    const UNetConfig& c = model.unet;
    const UNet unet(weights, c);
    const UNetInputs in{.latent = input("latent", {2, 8, 8, c.in_channels}),
                        .timestep = input("timestep", {2}),
                        .context = input("context", {2, 77, c.context[0]})};
    Graph graph = take(Graph::compile(device, {unet(in)}));
    take(graph.write(in.context, noise("context", in.context.shape().count())));
    std::vector<float> latent = noise("latent", in.latent.shape().count()), timestep{900, 900},
                       prediction(latent.size());
    auto step = [&] {
        take(graph.write(in.latent, latent));
        take(graph.write(in.timestep, timestep));
        take(graph.run());
        take(graph.read(prediction));
        for (size_t i = 0; i < latent.size(); i++) latent[i] -= 0.1f * prediction[i];
    };
    step();   // staging memory comes with the first
    const Calls before = device->calls();
    const uint64_t allocated = allocations();
    uint64_t submissions = 0;
    constexpr int kSteps = 10;
    for (int i = 0; i < kSteps; i++) {
        step();
        submissions += graph.submissions().size();
    }
    CHECK(allocations() == allocated);
    Calls expected = before, after = device->calls();
    CHECK(after.submissions >= before.submissions + submissions);
    CHECK(submissions >= kSteps);
    expected.submissions = after.submissions;
    CHECK(after == expected);
    CHECK(graph.stats().launches > 100);
    CHECK(submissions < kSteps * graph.stats().launches / 10);
}
