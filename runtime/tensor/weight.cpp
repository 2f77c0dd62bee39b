#include "runtime/tensor/weight.h"

#include <algorithm>
#include <deque>
#include <future>
#include <thread>

namespace kiln {
namespace {

constexpr uint64_t kSlab = 256u << 20;
constexpr uint64_t kSmall = 1u << 20;   // packed sooner than a thread begins
constexpr unsigned kMostThreads = 8;    // more than memory can feed

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

Result<void> load(Device& device, std::span<Weight* const> weights,
                  std::span<const Buffer> targets) {
    struct Packed {
        std::vector<std::byte> values;   // unless they went to the target at once
        Result<void> done;
    };
    const auto pack = [&](size_t i) -> Packed {
        const Weight& weight = *weights[i];
        if (std::byte* mapped = targets[i].mapped()) return {{}, packed(weight.pack_, mapped)};
        Packed result{std::vector<std::byte>(weight.bytes_), {}};
        result.done = packed(weight.pack_, result.values.data());
        return result;
    };
    const size_t width = std::clamp(std::thread::hardware_concurrency(), 1u, kMostThreads);
    std::deque<std::future<Packed>> ahead;
    for (size_t i = 0, next = 0; i < weights.size(); i++) {
        for (; next < std::min(weights.size(), i + width); next++)
            ahead.push_back(std::async(
                weights[next]->bytes_ > kSmall ? std::launch::async : std::launch::deferred, pack,
                next));
        const Packed now = ahead.front().get();
        ahead.pop_front();
        if (!now.done) return now.done;
        if (now.values.empty()) continue;
        auto written = device.write(targets[i], now.values.data(), now.values.size());
        if (!written) return written;
    }
    return {};
}

Result<std::shared_ptr<const Weight::OnHost>> Weight::on_host(Device& device, bool pinned) {
    if (auto held = on_host_.lock(); held && bool(held->pinned) == pinned) return held;
    auto fresh = std::make_shared<OnHost>();
    std::byte* target;
    if (pinned) {
        auto memory = device.allocate(rounded(bytes_), Intent::upload);
        if (!memory) return memory.error();
        fresh->pinned = *memory;
        target = fresh->pinned.mapped();
    } else {
        fresh->plain.resize(bytes_);
        target = fresh->plain.data();
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
    if (auto loaded = load(device, missing, *ranges); !loaded) return loaded;
    for (size_t i = 0; i < missing.size(); i++) missing[i]->resident_ = (*ranges)[i];
    return {};
}

}   // namespace kiln
