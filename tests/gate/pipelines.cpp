// What RADV makes of the kernels that real models run, for GPUs that need not be there.
// tests/README.md says how to record the tables anew.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <regex>

#include "runtime/ops/attention_variants.h"
#include "runtime/ops/product_variants.h"
#include "tests/gate/networks.h"
#include "tests/gate/table.h"
#include "tests/image/models.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

std::string radv_manifest() {
    for (const char* folder :
         {"/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"})
        for (const char* name :
             {"radeon_icd.x86_64.json", "radeon_icd.json", "radeon_icd.aarch64.json"})
            if (std::string path = std::string(folder) + "/" + name; std::filesystem::exists(path))
                return path;
    return {};
}

// Whether RADV knows a GPU by that name; where it does not, it ends the process.
bool knows(const std::string& name) {
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL);
        if (!std::freopen("/dev/null", "w", stderr)) _exit(1);
        setenv("RADV_FORCE_FAMILY", name.c_str(), 1);
        _exit(Device::open({}) ? 0 : 1);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// RADV for a GPU by the first of the names under which its versions know it; null: by none.
std::shared_ptr<Device> open_radv(const std::vector<std::string>& names,
                                  const DeviceOptions& options) {
    const std::string chosen = environment("KILN_TEST_RADV");
    const std::string manifest = chosen.empty() ? radv_manifest() : chosen;
    if (manifest.empty()) SKIP("RADV is not installed (Debian: mesa-vulkan-drivers)");
    setenv("VK_ICD_FILENAMES", manifest.c_str(), 1);
    unsetenv("VK_DRIVER_FILES");
    const auto name = std::find_if(names.begin(), names.end(), knows);
    if (name == names.end()) return nullptr;
    setenv("RADV_FORCE_FAMILY", name->c_str(), 1);
    return take(Device::open(options));
}

Compiled compiled(Device& device, const Launch& launch) {
    Compiled result;
    Pipeline pipeline = take(device.pipeline(pipeline_desc(launch)));
    for (const PipelineStatistic& statistic : device.statistics(pipeline)) {
        if (statistic.name == "VGPRs") result.registers = statistic.value;
        if (statistic.name == "Inverse Throughput") result.cost = statistic.value;
        if (statistic.name == "Spilled VGPRs") result.spills += statistic.value;
        if (statistic.name == "Spilled SGPRs") result.spills += statistic.value;
        if (statistic.name == "Scratch size") result.scratch = statistic.value;
    }
    return result;
}

void check_gpu(const std::string& gpu, const std::vector<std::string>& names) {
    const std::shared_ptr<Device> device = open_radv(names, {.statistics = true});
    REQUIRE(device);
    Caps caps = device->caps();
    caps.cores = 40;   // the null device has none: those of a middling card
    std::map<std::string, Compiled> pipelines;
    for (const auto& [name, launch] : network_pipelines(device, caps))
        pipelines[name] = compiled(*device, launch);
    REQUIRE(pipelines.size() > 20);
    for (const auto& [name, found] : pipelines) {
        INFO(gpu << ": " << name);
        REQUIRE(found.registers > 0);   // the driver reports statistics
        CHECK(found.spills == 0);
        CHECK(found.scratch == 0);
    }

    std::smatch version;
    REQUIRE(std::regex_search(caps.driver_info, version, std::regex("Mesa ([0-9]+\\.[0-9]+)")));
    PipelineTable table("radv_" + version[1].str());
    if (environment("KILN_TEST_RECORD") == "1") return table.record(gpu, pipelines);
    if (!table.exists) SKIP("nothing is recorded for Mesa " << version[1] << "; nothing spills");
    for (const auto& [name, found] : pipelines) {
        INFO(gpu << ": " << name << "; if this is meant: tools/dev pipelines");
        const std::optional<Compiled> recorded = table.find(name, gpu);
        if (!recorded) FAIL_CHECK("a pipeline that is not recorded");
        if (!recorded) continue;
        CHECK(found.registers <= 1.1 * recorded->registers);
        CHECK(found.cost <= 1.1 * recorded->cost);
    }
}

// Keeps what is launched, on a device with the caps given.
struct Recorder : Lowering {
    Caps given;
    Tuning none;
    std::vector<Launch> launches;
    const Caps& caps() const override { return given; }
    const Tuning& tuning() const override { return none; }
    Operand operand(const Tensor&) override { return {}; }
    Operand scratch(uint64_t, DType) override { return {}; }
    void launch(Launch launch) override { launches.push_back(std::move(launch)); }
};

// Products of f16 with all that an epilogue has: a 3 x 3 convolution, one that normalises images on
// their way in, one of B by columns, one with gates, and both kinds of a quantised B.
std::vector<Product> products_of_halves() {
    const Operand any{.slot = 0, .offset = 0, .size = 1 << 20, .dtype = DType::f16};
    Product columns{.a = any,
                    .b = any,
                    .d = any,
                    .bias = any,
                    .residual = any,
                    .statistics = any,
                    .map = line_of(1024)};
    columns.columns = columns.channels = 320;
    columns.pitch_a = columns.pitch_b = columns.pitch_d = 320;
    columns.transposed = true;
    columns.activation = Activation::gelu;
    columns.residual_kind = Product::Residual::same;
    Product conv = columns;
    conv.transposed = false;
    conv.map = {.in = {1, 32, 32}, .out = {1, 32, 32}, .taps = {1, 3, 3}, .pad = {0, 1, 1}};
    Product normalised = conv;
    normalised.map.images = 2;
    normalised.factors = {.slot = 0, .offset = 0, .size = 1 << 20, .dtype = DType::f32};
    normalised.before = Activation::silu;
    Product gated = columns;
    gated.transposed = false;
    gated.gated = true;
    gated.pitch_b = 640;
    gated.residual = gated.statistics = {};
    gated.residual_kind = Product::Residual::none;
    Product blocks = columns, gated_blocks = gated;
    blocks.transposed = false;
    blocks.b.dtype = DType::q6_k;
    gated_blocks.b.dtype = DType::q5_k;
    return {conv, normalised, columns, gated, blocks, gated_blocks};
}

void check_tiles(const std::vector<std::string>& names) {
    const std::shared_ptr<Device> device = open_radv(names, {.statistics = true});
    if (!device) SKIP("this RADV does not know " << names[0]);
    Recorder recorder;
    recorder.given = device->caps();
    if (recorder.given.matrices.empty()) SKIP("this RADV has no cooperative matrices for it");
    for (const Product& product : products_of_halves()) {
        size_t matrices = 0;
        for (const ProductVariant& variant : product_variants(recorder.given, product)) {
            INFO(device->caps().device
                 << ": " << variant.name() << (product.gated ? " gated " : " ")
                 << name_of(product.b.dtype) << (product.normalised() ? " normalised" : ""));
            recorder.launches.clear();
            variant.family->launch(recorder, product, *variant.tile);
            REQUIRE(recorder.launches.size() == 1);
            const Compiled found = compiled(*device, recorder.launches[0]);
            CHECK(found.spills == 0);
            CHECK(found.scratch == 0);
            matrices +=
                variant.family == &kProductMatrix || variant.family == &kProductMatrixQuantised;
        }
        CHECK(matrices >= 4);
    }
}

void check_attention(const std::vector<std::string>& names) {
    const std::shared_ptr<Device> device = open_radv(names, {.statistics = true});
    if (!device) SKIP("this RADV does not know " << names[0]);
    Recorder recorder;
    recorder.given = device->caps();
    if (recorder.given.matrices.empty()) SKIP("this RADV has no cooperative matrices for it");
    const Operand any{.slot = 0, .offset = 0, .size = 1 << 20, .dtype = DType::f16};
    for (const int64_t width : {40, 64, 72, 80, 128, 160}) {
        AttentionWork work{.q = any, .k = any, .v = any, .y = any, .bias = any};
        work.queries = work.keys = 4096;
        work.heads = 8, work.width = width;
        size_t matrices = 0;
        for (const AttentionVariant& variant : attention_variants(recorder.given, work)) {
            INFO(device->caps().device << ": " << variant.name() << ", heads of " << width);
            recorder.launches.clear();
            variant.family->launch(recorder, work, *variant.tile);
            REQUIRE(recorder.launches.size() == 1);
            const Compiled found = compiled(*device, recorder.launches[0]);
            CHECK(found.registers > 0);
            CHECK(found.spills == 0);
            CHECK(found.scratch == 0);
            matrices += variant.family->name.starts_with("matrix");
        }
        CHECK(matrices > 0);
    }
}

}   // namespace

TEST_CASE("no tile of a product spills on gfx1100") { check_tiles({"navi31", "gfx1100"}); }
TEST_CASE("no tile of a product spills on gfx1201") { check_tiles({"gfx1201"}); }
TEST_CASE("no tile of attention spills on gfx1100") { check_attention({"navi31", "gfx1100"}); }
TEST_CASE("no tile of attention spills on gfx1201") { check_attention({"gfx1201"}); }

TEST_CASE("a second start compiles no pipeline") {
    const TemporaryFolder folder("gate-cache");
    const DeviceOptions options{.cache_folder = folder.path.string()};
    std::shared_ptr<Device> device = open_radv({"navi21"}, options);
    REQUIRE(device);
    const std::map<std::string, Launch> launches = network_pipelines(device, device->caps());
    std::vector<PipelineDesc> descs;
    for (const auto& [name, launch] : launches) descs.push_back(pipeline_desc(launch));
    std::vector<size_t> heard;
    device->watch_compiling([&](size_t done, size_t total) {
        CHECK(total == descs.size());
        heard.push_back(done);
    });
    take(device->pipelines(descs));
    CHECK(heard.size() > 2);
    CHECK(std::is_sorted(heard.begin(), heard.end()));
    CHECK(heard.back() == descs.size());
    CHECK(device->pipelines_created() == descs.size());
    // Some differ in nothing that this driver compiles.
    CHECK(device->pipelines_compiled() <= descs.size());
    CHECK(device->pipelines_compiled() > descs.size() / 2);
    heard.clear();
    take(device->pipelines(descs));
    CHECK(heard.empty());

    device.reset();
    device = open_radv({"navi21"}, options);
    take(device->pipelines(descs));
    CHECK(device->pipelines_created() == descs.size());
    CHECK(device->pipelines_compiled() == 0);
}

TEST_CASE("no pipeline of Stable Diffusion spills or grows on polaris10") {
    check_gpu("polaris10", {"polaris10"});
}
TEST_CASE("no pipeline of Stable Diffusion spills or grows on vega10") {
    check_gpu("vega10", {"vega10"});
}
TEST_CASE("no pipeline of Stable Diffusion spills or grows on navi10") {
    check_gpu("navi10", {"navi10"});
}
TEST_CASE("no pipeline of Stable Diffusion spills or grows on navi21") {
    check_gpu("navi21", {"navi21"});
}
TEST_CASE("no pipeline of Stable Diffusion spills or grows on gfx1100") {
    check_gpu("gfx1100", {"navi31", "gfx1100"});
}
