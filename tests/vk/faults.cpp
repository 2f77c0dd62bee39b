// Vulkan calls that fail on demand: the functions below take the place of the loader's in this
// executable and pass on to it, except for the one that a test spoils.
#include <dlfcn.h>
#include <vulkan/vulkan.h>

#include <map>

#include "runtime/graph/graph.h"
#include "runtime/ops/ops.h"
#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Fault {
    std::string call;   // empty: none
    int after = 0;      // so many calls succeed before all fail
    VkResult result = VK_SUCCESS;
    bool struck = false;
    uint64_t above = 0;   // vkAllocateMemory: only for more bytes than these
};

Fault& fault() {
    static Fault current;
    return current;
}

bool strikes(std::string_view call) {
    Fault& f = fault();
    if (f.call != call || f.after-- > 0) return false;
    return f.struck = true;
}

template <class Function>
Function* real(const char* name) {
    static std::map<std::string, void*> known;
    void*& address = known[name];
    if (!address) address = dlsym(RTLD_NEXT, name);
    return reinterpret_cast<Function*>(address);
}

}   // namespace

#define KILN_FAULTY(name, parameters, arguments) \
    extern "C" VkResult name parameters { \
        if (strikes(#name)) return fault().result; \
        return real<VkResult parameters>(#name) arguments; \
    }

KILN_FAULTY(vkCreateInstance,
            (const VkInstanceCreateInfo* a, const VkAllocationCallbacks* b, VkInstance* c),
            (a, b, c))
KILN_FAULTY(vkEnumeratePhysicalDevices, (VkInstance a, uint32_t* b, VkPhysicalDevice* c), (a, b, c))
KILN_FAULTY(vkCreateDevice,
            (VkPhysicalDevice a, const VkDeviceCreateInfo* b, const VkAllocationCallbacks* c,
             VkDevice* d),
            (a, b, c, d))
KILN_FAULTY(vkCreateBuffer,
            (VkDevice a, const VkBufferCreateInfo* b, const VkAllocationCallbacks* c, VkBuffer* d),
            (a, b, c, d))
extern "C" VkResult vkAllocateMemory(VkDevice a, const VkMemoryAllocateInfo* b,
                                     const VkAllocationCallbacks* c, VkDeviceMemory* d) {
    if (b->allocationSize > fault().above && strikes("vkAllocateMemory")) return fault().result;
    return real<VkResult(VkDevice, const VkMemoryAllocateInfo*, const VkAllocationCallbacks*,
                         VkDeviceMemory*)>("vkAllocateMemory")(a, b, c, d);
}
KILN_FAULTY(vkBindBufferMemory, (VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d),
            (a, b, c, d))
KILN_FAULTY(vkMapMemory,
            (VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, VkMemoryMapFlags e,
             void** f),
            (a, b, c, d, e, f))
KILN_FAULTY(vkCreateShaderModule,
            (VkDevice a, const VkShaderModuleCreateInfo* b, const VkAllocationCallbacks* c,
             VkShaderModule* d),
            (a, b, c, d))
KILN_FAULTY(vkCreateDescriptorSetLayout,
            (VkDevice a, const VkDescriptorSetLayoutCreateInfo* b, const VkAllocationCallbacks* c,
             VkDescriptorSetLayout* d),
            (a, b, c, d))
KILN_FAULTY(vkCreatePipelineLayout,
            (VkDevice a, const VkPipelineLayoutCreateInfo* b, const VkAllocationCallbacks* c,
             VkPipelineLayout* d),
            (a, b, c, d))
KILN_FAULTY(vkCreateComputePipelines,
            (VkDevice a, VkPipelineCache b, uint32_t c, const VkComputePipelineCreateInfo* d,
             const VkAllocationCallbacks* e, VkPipeline* f),
            (a, b, c, d, e, f))
KILN_FAULTY(vkCreateCommandPool,
            (VkDevice a, const VkCommandPoolCreateInfo* b, const VkAllocationCallbacks* c,
             VkCommandPool* d),
            (a, b, c, d))
KILN_FAULTY(vkAllocateCommandBuffers,
            (VkDevice a, const VkCommandBufferAllocateInfo* b, VkCommandBuffer* c), (a, b, c))
KILN_FAULTY(vkBeginCommandBuffer, (VkCommandBuffer a, const VkCommandBufferBeginInfo* b), (a, b))
KILN_FAULTY(vkEndCommandBuffer, (VkCommandBuffer a), (a))
KILN_FAULTY(vkCreateFence,
            (VkDevice a, const VkFenceCreateInfo* b, const VkAllocationCallbacks* c, VkFence* d),
            (a, b, c, d))
KILN_FAULTY(vkCreateDescriptorPool,
            (VkDevice a, const VkDescriptorPoolCreateInfo* b, const VkAllocationCallbacks* c,
             VkDescriptorPool* d),
            (a, b, c, d))
KILN_FAULTY(vkAllocateDescriptorSets,
            (VkDevice a, const VkDescriptorSetAllocateInfo* b, VkDescriptorSet* c), (a, b, c))
KILN_FAULTY(vkCreateBufferView,
            (VkDevice a, const VkBufferViewCreateInfo* b, const VkAllocationCallbacks* c,
             VkBufferView* d),
            (a, b, c, d))
KILN_FAULTY(vkCreateQueryPool,
            (VkDevice a, const VkQueryPoolCreateInfo* b, const VkAllocationCallbacks* c,
             VkQueryPool* d),
            (a, b, c, d))
KILN_FAULTY(vkQueueSubmit, (VkQueue a, uint32_t b, const VkSubmitInfo* c, VkFence d), (a, b, c, d))
KILN_FAULTY(vkWaitForFences, (VkDevice a, uint32_t b, const VkFence* c, VkBool32 d, uint64_t e),
            (a, b, c, d, e))
KILN_FAULTY(vkResetFences, (VkDevice a, uint32_t b, const VkFence* c), (a, b, c))

namespace {

// Everything once: open, allocate, upload, compile, record, run, read back.
Result<void> everything() {
    DeviceOptions options = device_options("minimal");
    Result<std::shared_ptr<Device>> opened = Device::open(options);
    if (!opened) return opened.error();
    Device& device = **opened;
    Result<Buffer> source = device.allocate(1024, Intent::device);
    if (!source) return source.error();
    Result<Buffer> target = device.allocate(1024, Intent::device);
    if (!target) return target.error();
    std::vector<float> values = ramp(256);
    if (Result<void> r = device.write(*source, values.data(), 1024); !r) return r;
    Result<Pipeline> pipeline = device.pipeline(texels_desc(BindingKind::texel_rgba32f));
    if (!pipeline) return pipeline.error();
    CommandList list(*opened, true, 2);
    uint32_t count = 64;
    std::array<Binding, 2> bindings{{{*source}, {*target}}};
    for (std::string_view label : {"first", "second", "third", "fourth", "fifth"}) {
        Result<void> r = list.dispatch(label, *pipeline, bindings, bytes_of(count), {1, 1, 1});
        if (!r) return r;
    }
    if (Result<void> r = list.finish(); !r) return r;
    if (Result<void> r = device.run(list); !r) return r;
    std::vector<float> read(256);
    if (Result<void> r = device.read(*target, read.data(), 1024); !r) return r;
    CHECK(read == values);
    return {};
}

Result<void> everything_with(std::string call, VkResult result, int after = 0) {
    fault() = {std::move(call), after, result, false};
    Result<void> outcome = everything();
    bool struck = fault().struck;
    fault() = {};
    if (!struck)
        CHECK(outcome.ok());
    else
        CHECK(!outcome.ok());
    return outcome;
}

}   // namespace

TEST_CASE("a Vulkan call that fails is an Error, whichever it is", "[gpu]") {
    test_device();
    take(everything_with("", VK_SUCCESS));
    std::string before = complaints();
    for (const char* call : {"vkCreateInstance",
                             "vkEnumeratePhysicalDevices",
                             "vkCreateDevice",
                             "vkCreateBuffer",
                             "vkAllocateMemory",
                             "vkBindBufferMemory",
                             "vkMapMemory",
                             "vkCreateShaderModule",
                             "vkCreateDescriptorSetLayout",
                             "vkCreatePipelineLayout",
                             "vkCreateComputePipelines",
                             "vkCreateCommandPool",
                             "vkAllocateCommandBuffers",
                             "vkBeginCommandBuffer",
                             "vkEndCommandBuffer",
                             "vkCreateFence",
                             "vkCreateDescriptorPool",
                             "vkAllocateDescriptorSets",
                             "vkCreateBufferView",
                             "vkCreateQueryPool",
                             "vkQueueSubmit",
                             "vkWaitForFences",
                             "vkResetFences"}) {
        for (int after : {0, 1, 2}) {
            INFO(call << " after " << after);
            Result<void> outcome = everything_with(call, VK_ERROR_UNKNOWN, after);
            if (after == 0) REQUIRE(!outcome);
            if (!outcome) CHECK(outcome.error().status == Status::no_device);
        }
    }
    complaints() = before;
}

TEST_CASE("memory that runs out is told from a device that is gone", "[gpu]") {
    test_device();
    for (const char* call : {"vkAllocateMemory", "vkMapMemory", "vkCreateComputePipelines"}) {
        Result<void> outcome = everything_with(call, VK_ERROR_OUT_OF_HOST_MEMORY);
        INFO(call);
        if (!outcome) CHECK(outcome.error().status == Status::out_of_memory);
    }
}

TEST_CASE("a lost device names the last finished kernel", "[gpu]") {
    test_device();
    std::string before = complaints();
    // Waits: one for the upload, then one a chunk of two dispatches.
    Result<void> early = everything_with("vkWaitForFences", VK_ERROR_DEVICE_LOST, 1);
    REQUIRE(!early);
    CHECK(early.error().message.find("chunk 1 of 3; last finished kernel: none") !=
          std::string::npos);
    Result<void> late = everything_with("vkWaitForFences", VK_ERROR_DEVICE_LOST, 3);
    REQUIRE(!late);
    CHECK(late.error().status == Status::no_device);
    CHECK(late.error().message.find("device lost (-4)") != std::string::npos);
    CHECK(late.error().message.find("chunk 3 of 3; last finished kernel: fourth") !=
          std::string::npos);
    complaints() = before;
}

TEST_CASE("weights stream where the driver has less than it says", "[gpu]") {
    constexpr int64_t kWidth = 192;   // a matrix of 144 KiB
    auto device = open_device(device_options(""));
    const Tensor x = input("x", {3, kWidth});
    Tensor y = x;
    for (int i = 0; i < 7; i++) {
        auto weight = std::make_shared<Weight>(kWidth * kWidth * 4, [i](std::byte* target) {
            for (int64_t k = 0; k < kWidth * kWidth; k++) {
                const float value = float((k * 7 + i) % 5 - 2) / 8;
                std::memcpy(target + 4 * k, &value, 4);
            }
        });
        y = linear(y, parameter("w", {kWidth, kWidth}, DType::f32, weight), {});
    }
    const auto run = [&] {
        Graph graph = take(Graph::compile(device, {y}));
        take(graph.write(x, ramp(3 * kWidth)));
        take(graph.run());
        return std::pair(graph.stats().segments, take(graph.read()));
    };
    fault() = {
        .call = "vkAllocateMemory", .result = VK_ERROR_OUT_OF_DEVICE_MEMORY, .above = 400u << 10};
    const auto [segments, streamed] = run();
    CHECK(fault().struck);
    fault() = {};
    CHECK(segments > 1);
    const auto [none, resident] = run();
    CHECK(none == 0);
    CHECK(streamed == resident);
    check_silent(*device);
}
