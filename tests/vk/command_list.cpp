#include "runtime/vk/command_list.h"

#include <catch2/generators/catch_generators.hpp>

#include "runtime/base/dtype.h"
#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("a recorded kernel gives the same result on every replay", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    size_t count = GENERATE(1, 63, 64, 1009);
    Buffer x = upload(*device, ramp(count)), y = take(device->allocate(count * 4, Intent::device));
    CommandList list(device);
    take(record_scale(list, take(device->pipeline(scale_desc(7))), x, y, 3));
    take(list.finish());
    uint64_t created = device->pipelines_created();
    for (float shift : {0.0f, 100.0f}) {
        std::vector<float> input = ramp(count);
        for (float& v : input) v += shift;
        take(device->write(x, input.data(), count * 4));
        take(device->run(list));
        std::vector<float> output = download<float>(*device, y);
        for (size_t i = 0; i < count; i++) REQUIRE(output[i] == input[i] * 3 + 7);
    }
    CHECK(device->pipelines_created() == created);
    check_silent(*device);
}

TEST_CASE("a barrier carries results from kernel to kernel and across chunks", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    constexpr size_t kCount = 4099;
    Buffer a = upload(*device, std::vector<float>(kCount, 1)),
           b = take(device->allocate(kCount * 4, Intent::device));
    Pipeline twice = take(device->pipeline(scale_desc()));
    CommandList list(device, false, 3);
    for (int i = 0; i < 5; i++) {
        take(record_scale(list, twice, a, b, 2));
        list.barrier();
        take(list.copy(b, a));
        list.barrier();
    }
    take(list.finish());
    take(device->run(list));
    CHECK(download<float>(*device, a) == std::vector<float>(kCount, 32));
    take(device->run(list));
    CHECK(download<float>(*device, a) == std::vector<float>(kCount, 1024));
    CHECK(list.dispatches() == 5);
    check_silent(*device);
}

TEST_CASE("between splits the host refills what two splits ago was read", "[gpu]") {
    auto device = test_device();
    constexpr size_t kCount = 1009;
    constexpr int kParts = 7;
    std::array<Buffer, 2> halves;
    for (Buffer& half : halves) half = take(device->allocate(kCount * 4, Intent::upload));
    Buffer all = take(device->allocate(kParts * 4096, Intent::device));
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    float value = 0;
    CommandList list(device, false, 1);
    for (int i = 0; i < kParts; i++) {
        take(list.split([&, half = halves[size_t(i % 2)]] {
            const std::vector<float> values(kCount, ++value);
            std::memcpy(half.mapped(), values.data(), kCount * 4);
        }));
        for (float factor : {0.5f, 1.0f}) {   // two chunks a part
            take(record_scale(list, pipeline, halves[size_t(i % 2)],
                              all.slice(uint64_t(i) * 4096, kCount * 4), factor));
            list.barrier();
        }
    }
    take(list.finish());
    for (int run = 0; run < 2; run++) {
        take(device->run(list));
        CHECK(value == float((run + 1) * kParts));
        for (int i = 0; i < kParts; i++)
            CHECK(download<float>(*device, all.slice(uint64_t(i) * 4096, kCount * 4)) ==
                  std::vector<float>(kCount, float(run * kParts + i + 1)));
    }
    check_silent(*device);
}

TEST_CASE("copies aside bring what the chunks after them read", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    constexpr size_t kCount = 1009;
    constexpr int kParts = 7;
    std::array<Buffer, 2> halves;
    for (Buffer& half : halves) half = take(device->allocate(kCount * 4, Intent::device));
    Buffer all = take(device->allocate(kParts * 4096, Intent::device));
    Buffer source = take(device->allocate(kParts * 4096, Intent::upload));
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    CommandList list(device, false, 1);
    for (int i = 0; i < kParts; i++) {
        const Buffer& half = halves[size_t(i % 2)];
        const CommandList::Copy copy{source.slice(uint64_t(i) * 4096, kCount * 4), half};
        take(list.bring(std::span(&copy, 1)));
        for (float factor : {0.5f, 1.0f}) {   // two chunks a part
            take(record_scale(list, pipeline, half, all.slice(uint64_t(i) * 4096, kCount * 4),
                              factor));
            list.barrier();
        }
    }
    take(list.finish());
    for (int run = 0; run < 3; run++) {
        for (int i = 0; i < kParts; i++) {
            const std::vector<float> values(kCount, float(run * kParts + i));
            std::memcpy(source.mapped() + i * 4096, values.data(), kCount * 4);
        }
        take(device->run(list));
        for (int i = 0; i < kParts; i++)
            CHECK(download<float>(*device, all.slice(uint64_t(i) * 4096, kCount * 4)) ==
                  std::vector<float>(kCount, float(run * kParts + i)));
        const bool stopped =
            device->run(list, [left = 2 * run]() mutable { return left-- == 0; }).error().status ==
            Status::interrupted;
        CHECK(stopped);   // and can be run again
    }
    check_silent(*device);
}

TEST_CASE("a texel buffer shows four-vectors in f32 and in f16", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    static constexpr uint32_t kTexels = 101;
    std::vector<float> values = ramp(kTexels * 4);
    std::vector<uint16_t> halves(values.size());
    for (size_t i = 0; i < values.size(); i++) halves[i] = f16_from_f32(values[i]);
    auto kind = GENERATE(BindingKind::texel_rgba32f, BindingKind::texel_rgba16f);
    Buffer source =
        kind == BindingKind::texel_rgba32f ? upload(*device, values) : upload(*device, halves);
    Buffer target = take(device->allocate(kTexels * 16, Intent::device));
    CommandList list(device);
    std::array<Binding, 2> bindings{{{source}, {target}}};
    take(list.dispatch("texels", take(device->pipeline(texels_desc(kind))), bindings,
                       bytes_of(kTexels), {2, 1, 1}));
    take(list.finish());
    take(device->run(list));
    CHECK(download<float>(*device, target) == values);
    check_silent(*device);
}

TEST_CASE("a slice of a buffer binds at its offset", "[gpu]") {
    auto device = test_device();
    uint64_t step = std::max<uint64_t>(device->caps().offset_alignment, 4 * 64);
    Buffer all = upload(*device, std::vector<float>(3 * step / 4, -1));
    Buffer source = upload(*device, ramp(64));
    CommandList list(device);
    take(record_scale(list, take(device->pipeline(scale_desc())), source, all.slice(step, 256), 1));
    take(list.finish());
    take(device->run(list));
    std::vector<float> output = download<float>(*device, all);
    CHECK(output[step / 4 - 1] == -1);
    CHECK(output[step / 4 + 63] == 63);
    CHECK(output[step / 4 + 64] == -1);
    check_silent(*device);
}

TEST_CASE("a cancelled run stops between chunks and can be run again", "[gpu]") {
    auto device = test_device();
    Buffer x = upload(*device, ramp(64)), y = take(device->allocate(256, Intent::device));
    CommandList list(device, true, 1);
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    const Work long_enough{.flops = 1e18};   // for a submission of its own
    for (int i = 0; i < 9; i++)
        take(record_scale(list, pipeline, x, y.slice(0, 256), float(i), long_enough));
    take(list.finish());
    int polls = 0;
    Result<void> run = device->run(list, [&] { return ++polls > 3; });
    REQUIRE(!run);
    CHECK(run.error().status == Status::interrupted);
    CHECK(list.times().empty());
    take(device->run(list));
    CHECK(list.times().size() == (device->caps().timestamp_ns > 0 ? 9 : 0));
    check_silent(*device);
}

TEST_CASE("a timed list reports every kernel in order", "[gpu]") {
    auto device = test_device();
    if (device->caps().timestamp_ns == 0) SKIP("no timestamps");
    Buffer x = upload(*device, ramp(1 << 20)), y = take(device->allocate(4 << 20, Intent::device));
    CommandList list(device, true, 2);
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    std::vector<std::string> labels{"a", "b", "c", "d", "e"};
    ScaleArgs args{1 << 20, 2};
    std::array<Binding, 2> bindings{{{x}, {y}}};
    for (const auto& label : labels) {
        take(list.dispatch(label, pipeline, bindings, bytes_of(args), {1 << 14, 1, 1}));
        list.barrier();
    }
    take(list.finish());
    CHECK(list.times().empty());
    take(device->run(list));
    std::vector<KernelTime> times = list.times();
    REQUIRE(times.size() == labels.size());
    for (size_t i = 0; i < times.size(); i++) {
        CHECK(times[i].label == labels[i]);
        CHECK(times[i].milliseconds > 0);
        CHECK(times[i].milliseconds < 10000);
    }
    check_silent(*device);
}

TEST_CASE("an empty list runs", "[gpu]") {
    auto device = test_device();
    CommandList list(device);
    take(list.finish());
    take(device->run(list));
}

TEST_CASE("recording what the caps forbid is a broken invariant", "[gpu]") {
    auto device = test_device("minimal");
    Buffer x = upload(*device, ramp(64)), y = take(device->allocate(256, Intent::device));
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    CommandList list(device);
    std::array<Binding, 2> bindings{{{x}, {y}}};
    ScaleArgs args{64, 1};
    CHECK_THROWS_AS((void)list.dispatch("wide", pipeline, bindings, bytes_of(args), {65536, 1, 1}),
                    InvariantError);
    CHECK_THROWS_AS((void)list.dispatch("empty", pipeline, bindings, bytes_of(args), {0, 1, 1}),
                    InvariantError);
    CHECK_THROWS_AS((void)list.dispatch("push", pipeline, bindings, {}, {1, 1, 1}), InvariantError);
    bindings[1].buffer = y.slice(4, 4);
    CHECK_THROWS_AS((void)list.dispatch("offset", pipeline, bindings, bytes_of(args), {1, 1, 1}),
                    InvariantError);
}
