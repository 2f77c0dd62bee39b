// Submissions of bounded time: how long work is expected to take, what is submitted together, and
// dispatches in parts.
#include "runtime/vk/pace.h"

#include "kernels/repack.h"
#include "runtime/vk/demands.h"
#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// Work that a device of this pace is expected to need so many milliseconds for.
Work lasting(const Pace& pace, double milliseconds) {
    constexpr double kFlops = 1e15;
    return {.flops = kFlops * milliseconds / pace.milliseconds({.flops = kFlops})};
}

}   // namespace

TEST_CASE("a pace takes the longer of computing and moving", "[vk]") {
    Caps caps;
    caps.kind = DeviceKind::discrete;
    Pace pace(caps);
    const double compute = pace.milliseconds({.flops = 1e12}),
                 move = pace.milliseconds({.bytes = 1e12});
    CHECK(pace.milliseconds({1e12, 1e12}) == std::max(compute, move));
    CHECK(pace.milliseconds({2e12, 0}) > 1.9 * compute);
    CHECK(pace.milliseconds({}) > 0);
    CHECK(pace.parts({}) == 1);
    CHECK_FALSE(pace.divisible(lasting(pace, 0.9 * pace.longest())));
    CHECK(pace.divisible(lasting(pace, 1.1 * pace.longest())));
    CHECK(Pace(caps, 7).longest() == 7);
    CHECK(pace.parts(lasting(pace, 0.9 * pace.longest())) == 1);
    CHECK(pace.parts(lasting(pace, 6.5 * pace.longest())) == 7);
}

TEST_CASE("a pace believes slowness at once and speed by and by", "[vk]") {
    Pace pace{Caps{}};
    const Work work{.flops = 1e10};
    const double guess = pace.milliseconds(work);
    CHECK_FALSE(pace.learned());
    pace.learn(0.01, 0.9);   // too short to tell
    CHECK_FALSE(pace.learned());
    pace.learn(guess, guess / 100);
    CHECK(pace.learned());
    CHECK(std::abs(pace.milliseconds(work) / (guess / 100) - 1) < 1e-9);
    pace.learn(pace.milliseconds(work), 3 * guess);
    CHECK(std::abs(pace.milliseconds(work) / (3 * guess) - 1) < 1e-9);
    pace.learn(pace.milliseconds(work), guess);
    CHECK(pace.milliseconds(work) < 3 * guess);
    CHECK(pace.milliseconds(work) > 2 * guess);
}

TEST_CASE("what may take long is submitted alone, and together once it proved short", "[gpu]") {
    auto device = open_device(device_options());
    Buffer x = upload(*device, ramp(64)), y = take(device->allocate(256, Intent::device));
    CommandList list(device);
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    const Work work = lasting(device->pace(), 0.6 * device->pace().longest());
    for (int i = 0; i < 8; i++) {
        take(record_scale(list, pipeline, i % 2 ? y : x, i % 2 ? x : y, 2, work));
        list.barrier();
    }
    take(list.finish());
    const uint64_t before = device->calls().submissions;
    take(device->run(list));
    const size_t first = list.submissions().size();
    CHECK(first > 1);   // fewer than eight as soon as the pace is known
    CHECK(list.submissions()[0].end == 1);
    CHECK(list.submissions().back().end == 8);
    take(device->run(list));
    CHECK(list.submissions().size() == 1);
    CHECK(device->calls().submissions - before == first + 1);
    CHECK(download<float>(*device, x)[1] == 65536);   // 2^16: both runs, every dispatch, in order
    const Submission& all = list.submissions()[0];
    CHECK((all.begin == 0 && all.end == 8));
    CHECK(all.submitted <= all.returned);
    CHECK(all.returned <= all.finished);
    check_silent(*device);
}

TEST_CASE("a long dispatch of a divisible pipeline goes in parts, with the same result", "[gpu]") {
    auto device = open_device(device_options());
    constexpr size_t kCount = 64 * 101;
    Buffer x = upload(*device, ramp(kCount)), y = upload(*device, std::vector<float>(kCount, -1));
    PipelineDesc desc = scale_desc(3);
    desc.divisible = true;
    Pipeline pipeline = take(device->pipeline(desc));
    CHECK(device->calls().pipelines == 1);
    CommandList list(device, true);
    const Work work = lasting(device->pace(), 6.9 * device->pace().longest());
    take(record_scale(list, pipeline, x, y, 2, work));
    list.barrier();
    take(record_scale(list, pipeline, y, x, 1));
    take(list.finish());
    take(device->run(list));
    CHECK(list.submissions().size() > 1);
    CHECK(list.submissions().back().end >= 7);
    std::vector<float> values = download<float>(*device, x);
    for (size_t i = 0; i < kCount; i++) REQUIRE(values[i] == 2 * float(i) + 6);
    CHECK(list.dispatches() == 2);
    if (device->caps().timestamp_ns > 0) CHECK(list.times().size() == 2);
    check_silent(*device);
}

TEST_CASE("a module tells whether it counts workgroups", "[vk]") {
    CHECK_FALSE(vk::counts_workgroups(scale));
    CHECK(vk::counts_workgroups(kernels::repack::sources()[0].spirv));
}
