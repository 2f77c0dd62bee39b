// Replaying a command list: its chunks in submissions of bounded time, two of them in flight.
#include <algorithm>
#include <chrono>

#include "runtime/vk/recorded.h"

namespace kiln {
namespace {

double now() {
    using Milliseconds = std::chrono::duration<double, std::milli>;
    return Milliseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}   // namespace

Error CommandList::State::lost(size_t finished_chunks, std::string_view call,
                               VkResult result) const {
    Error error = vk::failure(call, result);
    context.lost |= result == VK_ERROR_DEVICE_LOST;
    std::string_view last;
    for (size_t i = 0; i < finished_chunks; i++) {
        if (!chunks[i].dispatches.empty()) last = chunks[i].dispatches.back().label;
    }
    error.message += " on " + context.caps.device + ", chunk " +
                     std::to_string(finished_chunks + 1) + " of " + std::to_string(chunks.size()) +
                     "; last finished kernel: " + (last.empty() ? "none" : std::string(last));
    return error;
}

// What is still in flight must end before the list may go.
Error CommandList::State::drained(Error error) const {
    vkQueueWaitIdle(context.queue);
    vkQueueWaitIdle(context.transfer_queue);
    return error;
}

// As it was measured last, else as the device's pace says now.
double CommandList::State::expected(const Chunk& chunk) const {
    return chunk.measured >= 0 ? chunk.measured : chunk.guess * device->pace().slowness();
}

// How far the submission goes that begins with a chunk. Before anything is known of the device's
// speed it is one chunk.
size_t CommandList::State::batch_end(size_t begin) const {
    const Pace& pace = device->pace();
    double sum = expected(chunks[begin]);
    size_t end = begin + 1;
    while (end < chunks.size() && !chunks[end].filled()) {
        if (chunks[end].measured < 0 && !pace.learned()) break;
        sum += expected(chunks[end]);
        if (sum > pace.longest()) break;
        end++;
    }
    return end;
}

// What a chunk needs before it is submitted.
Result<void> CommandList::State::fill(const Chunk& chunk) {
    if (chunk.fill) chunk.fill();
    if (!chunk.bring) return {};
    VkSemaphore brought = chunk.brought.get();
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.commandBufferCount = 1;
    info.pCommandBuffers = &chunk.bring;
    info.signalSemaphoreCount = 1;
    info.pSignalSemaphores = &brought;
    context.calls.submissions++;
    VkResult result = vkQueueSubmit(context.transfer_queue, 1, &info, VK_NULL_HANDLE);
    if (result != VK_SUCCESS) return lost(0, "vkQueueSubmit of copies", result);
    return {};
}

Result<void> CommandList::State::submit(Submission submission) {
    submission.submitted = now();
    VkSubmitInfo info{VK_STRUCTURE_TYPE_SUBMIT_INFO};
    info.commandBufferCount = uint32_t(submission.end - submission.begin);
    info.pCommandBuffers = &commands[submission.begin];
    const VkSemaphore brought = chunks[submission.begin].brought.get();
    const VkPipelineStageFlags waits = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT;
    if (brought) {
        info.waitSemaphoreCount = 1;
        info.pWaitSemaphores = &brought;
        info.pWaitDstStageMask = &waits;
    }
    context.submitted = true;
    context.calls.submissions++;
    size_t index = submissions.size();
    VkResult result = vkQueueSubmit(context.queue, 1, &info, fences[index & 1].get());
    if (result != VK_SUCCESS)
        return lost(index ? submissions[index - 1].begin : 0, "vkQueueSubmit", result);
    submission.returned = now();
    submissions.push_back(submission);
    return {};
}

Result<void> CommandList::State::wait(size_t index) {
    Submission& submission = submissions[index];
    VkFence fence = fences[index & 1].get();
    double begin = now();
    VkResult result = vkWaitForFences(context.device, 1, &fence, VK_TRUE, UINT64_MAX);
    if (result == VK_SUCCESS) result = vkResetFences(context.device, 1, &fence);
    if (result != VK_SUCCESS) return lost(submission.begin, "vkWaitForFences", result);
    submission.finished = now();
    submission.waited = submission.finished - begin;
    learn(index);
    return {};
}

// What a submission took is shared among its chunks as was expected of them.
void CommandList::State::learn(size_t index) {
    const Submission& s = submissions[index];
    double from = s.submitted;
    if (index) from = std::max(from, submissions[index - 1].finished);
    double took = s.finished - from, sum = 0;
    for (size_t i = s.begin; i < s.end; i++) sum += expected(chunks[i]);
    const bool first = chunks[s.begin].measured < 0;
    for (size_t i = s.begin; i < s.end; i++)
        chunks[i].measured = sum > 0 ? took * expected(chunks[i]) / sum : 0;
    if (first) device->pace().learn(sum, took);
}

Result<void> Device::run(CommandList& list, const std::function<bool()>& cancelled) {
    CommandList::State& s = *list.state_;
    ensure(s.finished, "running a finished command list");
    s.ran = false;
    s.submissions.clear();
    const size_t all = s.chunks.size();
    size_t submitted = 0, waited = 0;   // chunks
    size_t done = 0;                    // submissions
    bool stop = false;
    while (waited < all && !(stop && waited == submitted)) {
        stop = stop || (cancelled && cancelled());
        // Two are in flight: enough to keep the device busy, few enough to stop soon.
        while (!stop && submitted < all && s.submissions.size() < done + 2) {
            const Chunk& next = s.chunks[submitted];
            if (waited < next.fill_after) break;
            if (Result<void> r = s.fill(next); !r) return s.drained(r.error());
            size_t end = s.batch_end(submitted);
            if (Result<void> r = s.submit({.begin = submitted, .end = end}); !r)
                return s.drained(r.error());
            submitted = end;
        }
        if (waited == submitted) break;
        if (Result<void> r = s.wait(done); !r) return s.drained(r.error());
        waited = s.submissions[done++].end;
    }
    if (waited < all) return Error{Status::interrupted, "cancelled"};
    s.ran = true;
    return {};
}

std::span<const Submission> CommandList::submissions() const { return state_->submissions; }

std::vector<KernelTime> CommandList::times() const {
    const State& s = *state_;
    std::vector<KernelTime> out;
    if (!s.timed || !s.ran) return out;
    uint64_t origin = 0;
    for (size_t c = 0; c < s.chunks.size(); c++) {
        const Chunk& chunk = s.chunks[c];
        if (chunk.dispatches.empty()) continue;
        std::vector<uint64_t> ticks(2 * chunk.dispatches.size());
        VkResult result =
            vkGetQueryPoolResults(s.context.device, chunk.queries.get(), 0, uint32_t(ticks.size()),
                                  ticks.size() * sizeof(uint64_t), ticks.data(), sizeof(uint64_t),
                                  VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
        if (result != VK_SUCCESS) return {};
        if (out.empty()) origin = ticks[0];
        auto milliseconds = [&](uint64_t from, uint64_t to) {
            uint64_t passed = (to - from) & s.context.physical.timestamp_mask;
            return double(passed) * s.context.caps.timestamp_ns * 1e-6;
        };
        for (size_t i = 0; i < chunk.dispatches.size(); i++) {
            double took = milliseconds(ticks[2 * i], ticks[2 * i + 1]);
            if (chunk.dispatches[i].continues)
                out.back().milliseconds += took;
            else
                out.push_back({.label = chunk.dispatches[i].label,
                               .milliseconds = took,
                               .begin = milliseconds(origin, ticks[2 * i]),
                               .chunk = c});
        }
    }
    return out;
}

}   // namespace kiln
