#include "runtime/vk/pipeline.h"

#include <algorithm>
#include <set>
#include <thread>

#include "runtime/base/hash.h"
#include "runtime/vk/context.h"
#include "runtime/vk/demands.h"

namespace kiln::vk {
namespace {

template <class T>
uint64_t mix(uint64_t seed, std::span<const T> values) {
    return hash_bytes(std::as_bytes(values), seed);
}

// FNV-1a by words: the same SPIR-V is looked up once for every launch that is recorded.
uint64_t mix_words(uint64_t seed, std::span<const uint32_t> words) {
    for (uint32_t word : words) seed = ((seed ^ word) * 0x100000001b3ull) ^ (seed >> 29);
    return seed;
}

uint64_t key_of(const PipelineDesc& desc, uint64_t seed) {
    seed = mix_words(seed, desc.spirv);
    seed = mix(seed, std::span<const BindingKind>(desc.bindings));
    seed = mix(seed, std::span<const uint32_t>(desc.constants));
    std::array<uint64_t, 6> sizes{desc.spirv.size(), desc.bindings.size(), desc.constants.size(),
                                  desc.push_bytes,   desc.subgroup_size,   desc.divisible};
    return mix(seed, std::span<const uint64_t>(sizes));
}

Result<void> make_layout(Context& context, CompiledPipeline& pipeline) {
    std::vector<VkDescriptorSetLayoutBinding> bindings;
    for (BindingKind kind : pipeline.bindings) {
        VkDescriptorType type = kind == BindingKind::storage
                                    ? VK_DESCRIPTOR_TYPE_STORAGE_BUFFER
                                    : VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER;
        bindings.push_back(
            {uint32_t(bindings.size()), type, 1, VK_SHADER_STAGE_COMPUTE_BIT, nullptr});
    }
    VkDescriptorSetLayoutCreateInfo set{VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO};
    set.bindingCount = uint32_t(bindings.size());
    set.pBindings = bindings.data();
    VkDescriptorSetLayout set_layout = {};
    VkResult result = vkCreateDescriptorSetLayout(context.device, &set, nullptr, &set_layout);
    if (result != VK_SUCCESS) return failure("vkCreateDescriptorSetLayout", result);
    pipeline.set_layout = DescriptorLayout(context.device, set_layout);

    VkPushConstantRange push{VK_SHADER_STAGE_COMPUTE_BIT, 0, pipeline.push_bytes};
    VkPipelineLayoutCreateInfo info{VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO};
    info.setLayoutCount = 1;
    info.pSetLayouts = &set_layout;
    info.pushConstantRangeCount = pipeline.push_bytes ? 1 : 0;
    info.pPushConstantRanges = &push;
    VkPipelineLayout layout = {};
    result = vkCreatePipelineLayout(context.device, &info, nullptr, &layout);
    if (result != VK_SUCCESS) return failure("vkCreatePipelineLayout", result);
    pipeline.layout = PipelineLayout(context.device, layout);
    return {};
}

Result<void> make_pipeline(Context& context, const PipelineDesc& desc, CompiledPipeline& pipeline,
                           VkPipelineCache cache) {
    VkShaderModuleCreateInfo code{VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO};
    code.codeSize = desc.spirv.size_bytes();
    code.pCode = desc.spirv.data();
    VkShaderModule handle = {};
    VkResult result = vkCreateShaderModule(context.device, &code, nullptr, &handle);
    if (result != VK_SUCCESS) return failure("vkCreateShaderModule", result);
    ShaderModule shader(context.device, handle);

    std::vector<VkSpecializationMapEntry> entries;
    for (uint32_t id = 0; id < desc.constants.size(); id++) entries.push_back({id, id * 4, 4});
    VkSpecializationInfo constants{uint32_t(entries.size()), entries.data(),
                                   desc.constants.size() * 4, desc.constants.data()};
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup{
        VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO};
    subgroup.requiredSubgroupSize = desc.subgroup_size;
    VkComputePipelineCreateInfo info{VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO};
    info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO;
    info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT;
    info.stage.module = handle;
    info.stage.pName = "main";
    info.stage.pSpecializationInfo = &constants;
    if (desc.subgroup_size) {
        info.stage.pNext = &subgroup;
        info.stage.flags = VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    }
    VkPipelineCreationFeedback whole{}, stage{};
    VkPipelineCreationFeedbackCreateInfo feedback{
        VK_STRUCTURE_TYPE_PIPELINE_CREATION_FEEDBACK_CREATE_INFO};
    feedback.pPipelineCreationFeedback = &whole;
    feedback.pipelineStageCreationFeedbackCount = 1;
    feedback.pPipelineStageCreationFeedbacks = &stage;
    if (context.physical.creation_feedback) info.pNext = &feedback;
    if (context.options.statistics && context.physical.executable_properties) {
        info.flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    }
    if (desc.divisible) info.flags |= VK_PIPELINE_CREATE_DISPATCH_BASE_BIT;
    info.layout = pipeline.layout.get();
    VkPipeline compiled = {};
    result = vkCreateComputePipelines(context.device, cache, 1, &info, nullptr, &compiled);
    if (result != VK_SUCCESS) return failure("vkCreateComputePipelines", result);
    pipeline.pipeline = PipelineHandle(context.device, compiled);
    pipeline.from_cache =
        whole.flags & VK_PIPELINE_CREATION_FEEDBACK_APPLICATION_PIPELINE_CACHE_HIT_BIT;
    return {};
}

// Why the device's (masked) caps do not allow this kernel; empty when they do.
std::string objection(const Caps& caps, const PipelineDesc& desc) {
    auto storage =
        size_t(std::count(desc.bindings.begin(), desc.bindings.end(), BindingKind::storage));
    if (desc.push_bytes > caps.push_bytes) {
        return "push constants of " + std::to_string(desc.push_bytes) + " bytes";
    }
    if (storage > caps.storage_bindings) return std::to_string(storage) + " storage buffers";
    if (std::string why = objection_to(desc.spirv, desc.constants, caps); !why.empty()) return why;
    if (!desc.subgroup_size) return {};
    if (!caps.subgroup_size_control || desc.subgroup_size < caps.subgroup_min ||
        desc.subgroup_size > caps.subgroup_max) {
        return "a subgroup size of " + std::to_string(desc.subgroup_size);
    }
    return {};
}

Result<Pipeline> compile(std::shared_ptr<Context> context, const PipelineDesc& desc,
                         VkPipelineCache cache) {
    auto refused = [&](const std::string& why) {
        return context->caps.device + " refused kernel " + std::string(desc.name) + ": " + why;
    };
    if (std::string why = objection(context->caps, desc); !why.empty()) {
        return Error{Status::no_device, refused(why)};
    }
    auto pipeline = std::make_shared<CompiledPipeline>();
    pipeline->context = context;
    pipeline->name = desc.name;
    pipeline->bindings = desc.bindings;
    pipeline->push_bytes = desc.push_bytes;
    pipeline->divisible = desc.divisible;
    pipeline->counts_workgroups = desc.divisible && counts_workgroups(desc.spirv);
    Result<void> made = make_layout(*context, *pipeline);
    if (made) made = make_pipeline(*context, desc, *pipeline, cache);
    if (!made) return Error{made.error().status, refused(made.error().message)};
    return Pipeline(std::move(pipeline));
}

}   // namespace

// Handles go before the share of the context that they need.
CompiledPipeline::~CompiledPipeline() {
    pipeline = {};
    layout = {};
    set_layout = {};
}

static std::pair<uint64_t, uint64_t> keys_of(const PipelineDesc& desc) {
    return {key_of(desc, kHashSeed), key_of(desc, ~kHashSeed)};
}

Result<Pipeline> PipelineStore::find(std::shared_ptr<Context> context, const PipelineDesc& desc) {
    const Key key = keys_of(desc);
    std::promise<Result<Pipeline>> promise;
    std::shared_future<Result<Pipeline>> known;
    {
        std::lock_guard lock(mutex_);
        auto [entry, fresh] = pipelines_.try_emplace(key);
        if (fresh)
            entry->second = promise.get_future().share();
        else
            known = entry->second;
    }
    if (known.valid()) return known.get();
    Result<Pipeline> made = compile(std::move(context), desc, cache_.get());
    if (made) created_++, compiled_ += !(*made)->from_cache;
    promise.set_value(made);
    if (!made) {
        std::lock_guard lock(mutex_);
        pipelines_.erase(key);
    }
    return made;
}

bool PipelineStore::has(const Key& key) {
    std::lock_guard lock(mutex_);
    return pipelines_.count(key) != 0;
}

Result<std::vector<Pipeline>> PipelineStore::find_all(
    const std::shared_ptr<Context>& context, std::span<const PipelineDesc> descs,
    const std::function<void(size_t, size_t)>& watch) {
    std::vector<const PipelineDesc*> missing;
    std::set<Key> keys;
    for (const PipelineDesc& desc : descs)
        if (Key key = keys_of(desc); !has(key) && keys.insert(key).second) missing.push_back(&desc);

    std::atomic<size_t> next{0}, done{0};
    auto work = [&] {   // errors are found again below
        for (size_t i = next++; i < missing.size(); i = next++) {
            (void)find(context, *missing[i]);
            done++;
        }
    };
    std::vector<std::jthread> threads;
    const size_t cores = std::max(1u, std::thread::hardware_concurrency());
    for (size_t i = 1; i < std::min(cores, missing.size()); i++) threads.emplace_back(work);
    for (size_t i = next++; i < missing.size(); i = next++) {
        if (watch) watch(done, missing.size());
        (void)find(context, *missing[i]);
        done++;
    }
    threads.clear();
    if (watch && !missing.empty()) watch(missing.size(), missing.size());

    std::vector<Pipeline> found;
    for (const PipelineDesc& desc : descs) {
        auto pipeline = find(context, desc);
        if (!pipeline) return pipeline.error();
        found.push_back(std::move(*pipeline));
    }
    return found;
}

void PipelineStore::clear() {
    pipelines_.clear();
    cache_ = {};
}

}   // namespace kiln::vk
