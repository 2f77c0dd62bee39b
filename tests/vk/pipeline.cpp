#include "runtime/vk/pipeline.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;
namespace fs = std::filesystem;

TEST_CASE("one description compiles once, from any number of threads", "[gpu]") {
    auto device = open_device(device_options());
    std::vector<Pipeline> found(8);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < found.size(); i++) {
        threads.emplace_back(
            [&, i] { found[i] = take(device->pipeline(scale_desc(uint32_t(i % 2)))); });
    }
    for (std::thread& thread : threads) thread.join();
    for (size_t i = 0; i < found.size(); i++) CHECK(found[i] == found[i % 2]);
    CHECK(found[0] != found[1]);
    CHECK(device->pipelines_created() == 2);
    check_silent(*device);
}

TEST_CASE("a required subgroup size is honoured or refused by name", "[gpu]") {
    auto device = test_device();
    PipelineDesc desc = scale_desc();
    desc.subgroup_size = device->caps().subgroup_max;
    Result<Pipeline> pipeline = device->pipeline(desc);
    CHECK(pipeline.ok() == device->caps().subgroup_size_control);
    desc.subgroup_size = 1024;
    pipeline = device->pipeline(desc);
    REQUIRE(!pipeline);
    CHECK(pipeline.error().status == Status::no_device);
    CHECK(pipeline.error().message.find("refused kernel scale: a subgroup size of 1024") !=
          std::string::npos);
    check_silent(*device);
}

namespace {

struct Scratch {
    fs::path path;
    explicit Scratch(const char* name) : path(fs::temp_directory_path() / name) {
        fs::remove_all(path);
    }
    ~Scratch() { fs::remove_all(path); }
};

fs::path only_file(const fs::path& folder) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(folder)) files.push_back(entry);
    REQUIRE(files.size() == 1);
    return files[0];
}

void overwrite(const fs::path& path, std::streamoff at) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.put('\x5a');
}

// Opens a device, compiles, saves; returns how many warnings that gave.
int use_cache(const fs::path& folder) {
    DeviceOptions options = device_options();
    options.cache_folder = folder.string();
    options.validation = false;
    int warnings = 0;
    options.log = [&](LogLevel level, std::string_view) { warnings += level >= LogLevel::warning; };
    auto device = open_device(options);
    take(device->pipeline(scale_desc()));
    take(device->save_pipeline_cache());
    return warnings;
}

}   // namespace

TEST_CASE("the pipeline cache is written once and read again", "[gpu]") {
    Scratch scratch("kiln-test-cache");
    fs::path folder = scratch.path / "made" / "on demand";
    CHECK(use_cache(folder) == 0);
    fs::path file = only_file(folder);
    CHECK(use_cache(folder) == 0);
    CHECK(only_file(folder) == file);
}

TEST_CASE("a spoiled pipeline cache is discarded and written anew", "[gpu]") {
    Scratch scratch("kiln-test-spoiled-cache");
    CHECK(use_cache(scratch.path) == 0);
    fs::path file = only_file(scratch.path);
    for (std::streamoff at : {0, 9, 60}) {
        overwrite(file, at);
        CHECK(use_cache(scratch.path) == 1);
        CHECK(use_cache(scratch.path) == 0);
    }
    fs::resize_file(file, fs::file_size(file) - 1);
    CHECK(use_cache(scratch.path) == 1);
    fs::resize_file(file, 0);
    CHECK(use_cache(scratch.path) == 1);
}

TEST_CASE("a cache that cannot be written is an error when asked for and silent otherwise",
          "[gpu]") {
    Scratch scratch("kiln-test-cache-file");
    std::ofstream(scratch.path) << "a file where the folder should be";
    DeviceOptions options = device_options();
    options.cache_folder = scratch.path.string();
    auto device = open_device(options);
    take(device->pipeline(scale_desc()));
    Result<void> saved = device->save_pipeline_cache();
    REQUIRE(!saved);
    CHECK(saved.error().status == Status::bad_file);
    device.reset();
}

TEST_CASE("a driver without hardware compiles and reports registers", "[gpu]") {
    const char* driver = "/usr/share/vulkan/icd.d/radeon_icd.x86_64.json";
    if (!fs::exists(driver)) driver = "/usr/share/vulkan/icd.d/radeon_icd.json";
    if (!fs::exists(driver)) SKIP("no RADV driver");
    auto device = test_device();
    DeviceOptions options = device_options("");
    options.select.clear();
    options.statistics = true;
    std::string drivers = environment("VK_ICD_FILENAMES");
    setenv("VK_ICD_FILENAMES", driver, 1);
    setenv("RADV_FORCE_FAMILY", "navi21", 1);
    Result<std::shared_ptr<Device>> amd = Device::open(options);
    unsetenv("RADV_FORCE_FAMILY");
    if (drivers.empty())
        unsetenv("VK_ICD_FILENAMES");
    else
        setenv("VK_ICD_FILENAMES", drivers.c_str(), 1);
    if (!amd) SKIP(amd.error().message);
    Pipeline pipeline = take((*amd)->pipeline(scale_desc()));
    std::vector<PipelineStatistic> statistics = (*amd)->statistics(pipeline);
    CHECK(std::any_of(statistics.begin(), statistics.end(),
                      [](const auto& s) { return s.name == "VGPRs" && s.value > 0; }));
    CHECK(device->statistics(take(device->pipeline(scale_desc()))).empty());   // not asked for
    check_silent(**amd);
}
