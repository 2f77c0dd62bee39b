// The Vulkan side of a Device: the only header that names Vulkan types, for runtime/vk only.
// Everything that outlives the Device handle (buffers, pipelines) holds a share of the Context.
#pragma once
#include <vulkan/vulkan.h>

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "runtime/vk/device.h"
#include "runtime/vk/extensions.h"

namespace kiln::vk {

// A VkResult as an Error: out of memory and lost devices get their own Status.
Error failure(std::string_view call, VkResult result);
std::string_view name_of(VkResult result);

// A Vulkan object of a device, destroyed with this.
template <class Handle, auto destroy>
class Owned {
public:
    Owned() = default;
    Owned(VkDevice device, Handle handle) : device_(device), handle_(handle) {}
    Owned(Owned&& other) noexcept { swap(other); }
    Owned& operator=(Owned&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Owned() {
        if (handle_) destroy(device_, handle_, nullptr);
    }
    Handle get() const { return handle_; }
    explicit operator bool() const { return handle_ != Handle{}; }

private:
    void swap(Owned& other) {
        std::swap(device_, other.device_);
        std::swap(handle_, other.handle_);
    }
    VkDevice device_ = {};
    Handle handle_ = {};
};

using CommandPool = Owned<VkCommandPool, vkDestroyCommandPool>;
using DescriptorPool = Owned<VkDescriptorPool, vkDestroyDescriptorPool>;
using DescriptorLayout = Owned<VkDescriptorSetLayout, vkDestroyDescriptorSetLayout>;
using PipelineLayout = Owned<VkPipelineLayout, vkDestroyPipelineLayout>;
using PipelineHandle = Owned<VkPipeline, vkDestroyPipeline>;
using PipelineCache = Owned<VkPipelineCache, vkDestroyPipelineCache>;
using ShaderModule = Owned<VkShaderModule, vkDestroyShaderModule>;
using BufferView = Owned<VkBufferView, vkDestroyBufferView>;
using QueryPool = Owned<VkQueryPool, vkDestroyQueryPool>;
using Fence = Owned<VkFence, vkDestroyFence>;
using Semaphore = Owned<VkSemaphore, vkDestroySemaphore>;

// The instance and its debug messenger. See instance.cpp.
struct Instance {
    VkInstance handle = {};
    VkDebugUtilsMessengerEXT messenger = {};
    std::atomic<uint64_t> messages{0};
    LogSink log;

    ~Instance();
    static Result<std::shared_ptr<Instance>> create(bool validation, const LogSink& log);
};

struct Features;

// A physical device as queried. See caps.cpp.
struct Physical {
    VkPhysicalDevice handle = {};
    Caps caps;   // unmasked
    std::vector<std::string> extensions;
    std::optional<uint32_t> compute_family;
    std::optional<uint32_t> transfer_family;   // of a queue that does nothing else
    uint64_t timestamp_mask = 0;               // the bits of a timestamp that count
    VkPhysicalDeviceMemoryProperties memory{};
    bool executable_properties = false;   // the driver reports statistics of pipelines
    bool creation_feedback = false;       // the driver tells what it found in a pipeline cache
    bool has(std::string_view extension) const;
};
Result<std::vector<Physical>> query_all(const Instance& instance);
bool promoted(const Physical& physical, uint32_t version, const char* extension);

// Fills what Caps say about cooperative matrices and cores. See matrices.cpp.
void query_matrices(const Instance& instance, Physical& physical, const Features& features);
void query_cores(Physical& physical);

// The optional features that Kiln knows, chained as far as the device has them: filled by
// vkGetPhysicalDeviceFeatures2 to learn, or from Caps to enable.
struct Features {
    VkPhysicalDeviceFeatures2 core{VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2};
    VkPhysicalDevice16BitStorageFeatures storage16{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES};
    VkPhysicalDevice8BitStorageFeatures storage8{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_8BIT_STORAGE_FEATURES};
    VkPhysicalDeviceShaderFloat16Int8Features float16{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_FLOAT16_INT8_FEATURES};
    VkPhysicalDeviceSubgroupSizeControlFeatures subgroup_size{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES};
    VkPhysicalDeviceShaderAtomicFloatFeaturesEXT atomic_float{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_ATOMIC_FLOAT_FEATURES_EXT};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
    VkPhysicalDeviceMaintenance4Features maintenance4{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES};
    VkPhysicalDeviceVulkanMemoryModelFeatures memory_model{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_MEMORY_MODEL_FEATURES};
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrices{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV flexible_matrices{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};

    VkPhysicalDeviceShaderIntegerDotProductFeatures dot{
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES};

    explicit Features(const Physical& physical);
    Features(const Features&) = delete;
};

struct Arena;

// A range of an arena of device memory; goes back to its arena when destroyed.
struct Block {
    std::shared_ptr<Context> context;
    Arena* arena = nullptr;
    VkBuffer buffer = {};
    uint64_t begin = 0, size = 0;   // within the VkBuffer; multiples of 256
    std::byte* mapped = nullptr;    // of `begin`

    Block() = default;
    Block(const Block&) = delete;
    ~Block();
};

// One VkDeviceMemory with one VkBuffer over all of it, and what of it is free.
struct Arena {
    VkDeviceMemory memory = {};
    VkBuffer buffer = {};
    uint64_t size = 0;
    std::byte* mapped = nullptr;
    Intent intent = Intent::device;
    bool cached = false;                 // the host reads it at full speed
    bool counts = false;                 // as device memory
    bool apart = false;                  // for one block
    std::map<uint64_t, uint64_t> free;   // offset -> bytes; neighbours are merged
};

// All device memory of a Context. Safe from several threads.
class Memory {
public:
    Result<void> attach(Context& context);   // chooses a memory type for each intent
    Result<std::shared_ptr<Block>> allocate(std::shared_ptr<Context> context, uint64_t bytes,
                                            Intent intent, Sharing sharing = Sharing::arena);
    void release(Block& block);
    void clear();   // before the VkDevice goes
    MemoryUse use() const;
    uint64_t room() const;   // bytes that can still be allocated in arenas of their own

private:
    Result<Arena*> grow(uint64_t bytes, Intent intent, Sharing sharing);
    Arena* best_fit(uint64_t bytes, Intent intent, uint64_t& begin) const;
    Result<std::unique_ptr<Arena>> make_arena(uint64_t bytes, Intent intent);
    uint64_t left(Intent intent) const;   // bytes that limit and budget leave
    void drop_empty();
    void destroy(Arena& arena);
    Error exhausted(uint64_t bytes, uint64_t left) const;

    Context* context_ = nullptr;
    mutable std::mutex mutex_;
    std::vector<std::unique_ptr<Arena>> arenas_;
    std::array<uint32_t, 3> types_{};
    uint64_t held_ = 0, peak_ = 0;
};

// Copies between the host and memory that it does not see, through two alternating halves.
class Staging {
public:
    Result<void> write(Context& context, const Buffer& target, const std::byte* source);
    Result<void> read(Context& context, const Buffer& source, std::byte* target);

private:
    struct Half {
        VkCommandBuffer commands = {};
        Fence fence;
        bool busy = false;
        Buffer upload, readback;
    };
    Result<void> prepare(Context& context, Intent intent);
    Result<void> submit(Context& context, Half& half, const Buffer& source, const Buffer& target);
    Result<void> wait(Context& context, Half& half);

    CommandPool pool_;
    std::array<Half, 2> halves_;
};

struct CompiledPipeline {
    std::shared_ptr<Context> context;
    std::string name;
    std::vector<BindingKind> bindings;
    uint32_t push_bytes = 0;
    bool divisible = false;
    bool counts_workgroups = false;
    DescriptorLayout set_layout;
    PipelineLayout layout;
    PipelineHandle pipeline;
    bool from_cache = false;

    CompiledPipeline() = default;
    CompiledPipeline(const CompiledPipeline&) = delete;
    ~CompiledPipeline();
};

// Compiled pipelines by description, and the VkPipelineCache with its file.
class PipelineStore {
public:
    void attach(Context& context);   // reads the cache file, if there is a good one
    Result<Pipeline> find(std::shared_ptr<Context> context, const PipelineDesc& desc);
    Result<void> save(Context& context);
    void clear();
    Result<std::vector<Pipeline>> find_all(const std::shared_ptr<Context>& context,
                                           std::span<const PipelineDesc> descs,
                                           const std::function<void(size_t, size_t)>& watch);
    uint64_t created() const { return created_; }
    uint64_t compiled() const { return compiled_; }
    VkPipelineCache cache() const { return cache_.get(); }

private:
    using Key = std::pair<uint64_t, uint64_t>;
    std::mutex mutex_;
    bool has(const Key& key);
    std::map<Key, std::shared_future<Result<Pipeline>>> pipelines_;
    PipelineCache cache_;
    uint64_t saved_hash_ = 0;
    std::atomic<uint64_t> created_{0}, compiled_{0};
};

struct Context : std::enable_shared_from_this<Context> {
    std::shared_ptr<Instance> instance;
    Physical physical;
    Caps caps;   // masked; all decisions are made by these
    DeviceOptions options;
    VkDevice device = {};
    VkQueue queue = {};
    VkQueue transfer_queue = {};   // the same where Caps::transfer_queue is false
    uint32_t transfer_family() const {
        return caps.transfer_queue ? *physical.transfer_family : *physical.compute_family;
    }
    bool memory_budget = false;
    bool submitted = false;   // anything, ever
    bool lost = false;        // nothing can run any more
    struct {
        std::atomic<uint64_t> allocations{0}, descriptor_sets{0}, descriptor_writes{0},
            command_buffers{0}, submissions{0};
    } calls;
    Memory memory;
    PipelineStore pipelines;
    std::unique_ptr<Staging> staging;

    Context() = default;
    Context(const Context&) = delete;
    ~Context();
    static Result<std::shared_ptr<Context>> open(const DeviceOptions& options);
};

// Everything that compute and copies wrote before is visible to `stages` after.
void memory_barrier(VkCommandBuffer commands, VkPipelineStageFlags stages, VkAccessFlags access);

}   // namespace kiln::vk
