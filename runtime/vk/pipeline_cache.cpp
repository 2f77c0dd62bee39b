#include <cstring>
#include <filesystem>
#include <fstream>

#include "runtime/base/hash.h"
#include "runtime/vk/context.h"

namespace kiln::vk {
namespace {

namespace fs = std::filesystem;
constexpr uint64_t kLargest = 256u << 20;

// Stands before the driver's data in the file; anything that differs discards the file.
struct Header {
    std::array<char, 8> magic{'k', 'i', 'l', 'n', 'p', 'c', '0', '1'};
    uint32_t vendor = 0, device = 0, driver = 0, reserved = 0;
    std::array<uint8_t, 16> uuid{};
    uint64_t bytes = 0, hash = 0;
};
static_assert(sizeof(Header) == 56);

Header header_for(const Caps& caps, std::span<const std::byte> data) {
    Header header;
    header.vendor = caps.vendor_id;
    header.device = caps.device_id;
    header.driver = caps.driver_version;
    header.uuid = caps.cache_uuid;
    header.bytes = data.size();
    header.hash = hash_bytes(data);
    return header;
}

fs::path path_of(const Context& context) {
    const Caps& caps = context.caps;
    std::array<uint32_t, 3> numbers{caps.vendor_id, caps.device_id, caps.driver_version};
    uint64_t hash = hash_bytes(std::as_bytes(std::span(caps.cache_uuid)));
    hash = hash_bytes(std::as_bytes(std::span(numbers)), hash);
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string name = "pipelines-";
    for (int shift = 60; shift >= 0; shift -= 4) name += kDigits[hash >> shift & 15];
    return fs::path(context.options.cache_folder) / (name + ".bin");
}

// The header that Vulkan prescribes for the driver's own data.
bool is_ours(const Caps& caps, std::span<const std::byte> data) {
    VkPipelineCacheHeaderVersionOne own{};
    if (data.size() < sizeof own) return false;
    std::memcpy(&own, data.data(), sizeof own);
    return own.headerVersion == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
           own.vendorID == caps.vendor_id && own.deviceID == caps.device_id &&
           !std::memcmp(own.pipelineCacheUUID, caps.cache_uuid.data(), VK_UUID_SIZE);
}

// The driver's part of a cache file, or nothing when the file is not exactly what we wrote.
std::vector<std::byte> load(const Context& context) {
    std::error_code error;
    fs::path path = path_of(context);
    uint64_t size = fs::file_size(path, error);
    if (error) return {};
    if (size >= sizeof(Header) && size <= kLargest) {
        std::vector<std::byte> data(size - sizeof(Header));
        Header header;
        std::ifstream file(path, std::ios::binary);
        file.read(reinterpret_cast<char*>(&header), sizeof header);
        file.read(reinterpret_cast<char*>(data.data()), std::streamsize(data.size()));
        Header expected = header_for(context.caps, data);
        if (file && !std::memcmp(&header, &expected, sizeof header)) {
            if (is_ours(context.caps, data)) return data;
            return {};   // lavapipe 26.2 gives less than the header that Vulkan prescribes
        }
    }
    if (context.options.log) {
        context.options.log(LogLevel::warning, "discarded the pipeline cache " + path.string());
    }
    return {};
}

}   // namespace

void PipelineStore::attach(Context& context) {
    std::vector<std::byte> data;
    if (!context.options.cache_folder.empty()) data = load(context);
    saved_hash_ = hash_bytes(data);
    VkPipelineCacheCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    info.initialDataSize = data.size();
    info.pInitialData = data.data();
    VkPipelineCache cache = {};
    if (vkCreatePipelineCache(context.device, &info, nullptr, &cache) != VK_SUCCESS) return;
    cache_ = PipelineCache(context.device, cache);
}

Result<void> PipelineStore::save(Context& context) {
    if (context.options.cache_folder.empty() || !cache_) return {};
    size_t bytes = 0;
    VkResult result = vkGetPipelineCacheData(context.device, cache_.get(), &bytes, nullptr);
    if (result != VK_SUCCESS) return failure("vkGetPipelineCacheData", result);
    std::vector<std::byte> data(bytes);
    result = vkGetPipelineCacheData(context.device, cache_.get(), &bytes, data.data());
    if (result != VK_SUCCESS) return failure("vkGetPipelineCacheData", result);
    data.resize(bytes);
    uint64_t hash = hash_bytes(data);
    if (bytes > kLargest || hash == saved_hash_) return {};

    fs::path path = path_of(context);
    fs::path beside = path;
    beside += "." + std::to_string(reinterpret_cast<uintptr_t>(&context) ^ hash) + ".tmp";
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    std::ofstream file(beside, std::ios::binary);
    Header header = header_for(context.caps, data);
    file.write(reinterpret_cast<const char*>(&header), sizeof header);
    file.write(reinterpret_cast<const char*>(data.data()), std::streamsize(data.size()));
    file.close();
    if (file) fs::rename(beside, path, error);
    if (!file || error) {
        std::error_code ignored;
        fs::remove(beside, ignored);
        return Error{Status::bad_file, "cannot write the pipeline cache " + path.string()};
    }
    saved_hash_ = hash;
    return {};
}

}   // namespace kiln::vk
