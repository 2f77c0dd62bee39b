#include "runtime/tensor/weight.h"

#include <algorithm>

namespace kiln {
namespace {

constexpr uint64_t kSlab = 256u << 20;

uint64_t rounded(uint64_t bytes) {
    return (bytes + kWeightAlignment - 1) / kWeightAlignment * kWeightAlignment;
}

Result<void> packed(const Weight::Pack& pack, std::byte* target) {
    try {
        pack(target);
        return {};
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace

Result<void> Weight::load(Device& device, const Buffer& target) const {
    if (std::byte* mapped = target.mapped()) return packed(pack_, mapped);
    std::vector<std::byte> values(bytes_);
    if (auto done = packed(pack_, values.data()); !done) return done;
    return device.write(target, values.data(), bytes_);
}

Result<std::shared_ptr<const Weight::OnHost>> Weight::on_host(Device& device) {
    if (auto held = on_host_.lock()) return held;
    auto fresh = std::make_shared<OnHost>();
    std::byte* target;
    if (device.caps().unified_memory) {
        fresh->plain.resize(bytes_);
        target = fresh->plain.data();
    } else {
        auto pinned = device.allocate(bytes_, Intent::upload);
        if (!pinned) return pinned.error();
        fresh->pinned = *pinned;
        target = fresh->pinned.mapped();
    }
    if (auto done = packed(pack_, target); !done) return done.error();
    on_host_ = fresh;
    return std::shared_ptr<const OnHost>(std::move(fresh));
}

Result<std::vector<Buffer>> allocate_together(Device& device, std::span<const uint64_t> sizes) {
    const uint64_t most = std::min(kSlab, device.caps().allocation);
    std::vector<Buffer> ranges;
    for (size_t begin = 0, end; begin < sizes.size(); begin = end) {
        uint64_t bytes = rounded(sizes[begin]);
        for (end = begin + 1; end < sizes.size() && bytes + rounded(sizes[end]) <= most; end++)
            bytes += rounded(sizes[end]);
        auto slab = device.allocate(bytes, Intent::device, Sharing::apart);
        if (!slab) return slab.error();
        for (uint64_t offset = 0; begin < end; offset += rounded(sizes[begin++]))
            ranges.push_back(slab->slice(offset, rounded(sizes[begin])));
    }
    return ranges;
}

bool evict(std::span<const std::shared_ptr<Weight>> weights) {
    bool any = false;
    for (const auto& weight : weights) {
        any |= bool(weight->resident());
        weight->evict();
    }
    return any;
}

uint64_t missing_bytes(std::span<const std::shared_ptr<Weight>> weights) {
    uint64_t bytes = 0;
    for (const auto& weight : weights)
        if (!weight->resident()) bytes += rounded(weight->bytes());
    return bytes;
}

Result<void> make_resident(Device& device, std::span<const std::shared_ptr<Weight>> weights) {
    std::vector<Weight*> missing;
    std::vector<uint64_t> sizes;
    for (const auto& weight : weights) {
        if (weight->resident()) continue;
        missing.push_back(weight.get());
        sizes.push_back(weight->bytes());
    }
    auto ranges = allocate_together(device, sizes);
    if (!ranges) return ranges.error();
    for (size_t i = 0; i < missing.size(); i++)
        if (auto loaded = missing[i]->load(device, (*ranges)[i]); !loaded) return loaded;
    for (size_t i = 0; i < missing.size(); i++) missing[i]->resident_ = (*ranges)[i];
    return {};
}

}   // namespace kiln
