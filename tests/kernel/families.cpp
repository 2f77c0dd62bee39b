// Every kernel compiled for AMD families without their hardware, by the null device of RADV. Each
// family has a process of its own, since the driver reads it once and a compiler may abort.
#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>
#include <filesystem>

#include "runtime/kernel/registry.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

PipelineDesc desc_of(const KernelSource& kernel) {
    PipelineDesc desc{.name = kernel.name, .spirv = kernel.spirv, .push_bytes = kernel.push_bytes};
    for (const KernelBinding& binding : kernel.bindings)
        desc.bindings.push_back(binding.texel ? BindingKind::texel_rgba32f : BindingKind::storage);
    return desc;
}

double spills(const Device& device, const Pipeline& pipeline) {
    double count = 0;
    for (const PipelineStatistic& statistic : device.statistics(pipeline))
        if (statistic.name == "Spilled VGPRs") count += statistic.value;
    return count;
}

std::string driver_of_amd() {
    for (const char* folder :
         {"/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"}) {
        std::error_code none;
        for (const auto& entry : std::filesystem::directory_iterator(folder, none))
            if (entry.path().filename().string().starts_with("radeon_icd"))
                return entry.path().string();
    }
    return {};
}

std::shared_ptr<Device> open_with_statistics() {
    DeviceOptions options = device_options("");
    options.statistics = true;
    return open_device(options);
}

// Kernels of families that only some devices have, and of benchmarks.
bool for_some(const KernelSource& kernel) {
    return kernel.name.starts_with("peak_") || kernel.name.find("_matrix") != std::string::npos ||
           kernel.variant.ends_with("_atomic");
}

int compile_all(const std::string& driver, const std::string& family) {
    std::string command = "RADV_FORCE_FAMILY=" + family + " VK_ICD_FILENAMES=" + driver +
                          " KILN_TEST_VALIDATION=0 '" KILN_BINARY_DIR
                          "/bin/test_kernel' '[.compile]' 2>&1";
    return std::system(command.c_str());
}

}   // namespace

TEST_CASE("every kernel compiles on the device at hand", "[.compile]") {
    auto device = open_with_statistics();
    for (const KernelSource* kernel : kernels::all()) {
        INFO(kernel->name << " " << kernel->variant << " on " << device->caps().device);
        if (kernel->variant.starts_with("narrow") && device->caps().kind != DeviceKind::cpu)
            continue;
        Result<Pipeline> pipeline = device->pipeline(desc_of(*kernel));
        if (!pipeline && for_some(*kernel) &&
            pipeline.error().message.find("it needs") != std::string::npos)
            continue;
        REQUIRE(pipeline);
        if (kernel->name != "matmul_cpu") CHECK(spills(*device, *pipeline) == 0);
    }
}

TEST_CASE("every kernel compiles for AMD", "[kernel]") {
    std::string driver = driver_of_amd();
    if (driver.empty()) SKIP("RADV is not installed");
    std::string family = GENERATE("polaris10", "vega10", "navi10", "navi21", "navi31");
    INFO(family);
    int status = compile_all(driver, family);
    if (status != 0 && family == "navi31")
        status = compile_all(driver, "gfx1100");   // its name in Mesa 22
    CHECK(status == 0);
}
