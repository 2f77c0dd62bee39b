// Weights that do not fit: the plan of what stays and what comes anew, and that it changes no bit.
#include "runtime/graph/streaming.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>

#include "runtime/graph/graph.h"
#include "runtime/graph/weight_stream.h"
#include "runtime/ops/ops.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

std::vector<float> wave(int64_t count, float step) {
    std::vector<float> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); i++) values[i] = std::sin(step * float(i + 1));
    return values;
}

constexpr int64_t kWidth = 192;   // a matrix of 144 KiB
constexpr int kLayers = 7;

// A chain of layers; the second matrix is used again at the end.
struct Chain {
    Tensor x = input("x", {3, kWidth});
    std::vector<std::shared_ptr<Weight>> weights;
    Tensor y = x;

    Tensor weight(Shape shape, float step) {
        const int64_t count = shape.count();
        weights.push_back(std::make_shared<Weight>(
            uint64_t(count) * sizeof(float), [count, step](std::byte* target) {
                std::memcpy(target, wave(count, step).data(), size_t(count) * sizeof(float));
            }));
        return parameter("w", std::move(shape), DType::f32, weights.back());
    }
    Chain() {
        std::vector<Tensor> matrices;
        for (int i = 0; i < kLayers; i++) {
            matrices.push_back(weight({kWidth, kWidth}, 0.1f + 0.07f * float(i)));
            y = silu(linear(y, matrices.back(), weight({kWidth}, 0.3f)));
        }
        y = linear(y, matrices[1], {});
    }
    std::vector<float> run(Graph& graph, float step) const {
        take(graph.write(x, wave(3 * kWidth, step)));
        take(graph.run());
        return take(graph.read());
    }
};

uint64_t total(const Chain& chain) { return missing_bytes(chain.weights); }

}   // namespace

TEST_CASE("streamed weights give the same bits as resident ones, run after run", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    const auto bringing = GENERATE(Bringing::automatic, Bringing::aside, Bringing::between);
    Chain chain;
    Graph streamed = take(
        Graph::compile(device, {chain.y}, {.weights = Placing::streamed, .bringing = bringing}));
    CHECK(streamed.stats().segments >= kLayers / 2);
    CHECK(streamed.stats().streamed_bytes == (kLayers + 1) * kWidth * kWidth * sizeof(float));
    CHECK(missing_bytes(chain.weights) == total(chain));
    const auto first = chain.run(streamed, 0.3f);
    const uint64_t held = device->memory().held, pipelines = device->pipelines_created();
    const auto second = chain.run(streamed, 0.7f);
    CHECK(device->memory().held == held);
    CHECK(device->pipelines_created() == pipelines);
    Graph resident = take(Graph::compile(device, {chain.y}, {.weights = Placing::resident}));
    CHECK(resident.stats().segments == 0);
    CHECK(missing_bytes(chain.weights) == 0);
    CHECK(first != second);
    CHECK(chain.run(resident, 0.3f) == first);
    CHECK(chain.run(resident, 0.7f) == second);
    CHECK(chain.run(streamed, 0.3f) == first);
    check_silent(*device);
}

TEST_CASE("weights that kernels read in the host's memory give the same bits", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    Chain chain;
    Graph host = take(Graph::compile(device, {chain.y}, {.weights = Placing::host}));
    CHECK(host.stats().segments == 0);
    CHECK(host.stats().in_place_bytes == kLayers * kWidth * kWidth * sizeof(float));
    CHECK(missing_bytes(chain.weights) == total(chain));
    const auto found = chain.run(host, 0.3f);
    Graph resident = take(Graph::compile(device, {chain.y}, {.weights = Placing::resident}));
    CHECK(resident.stats().in_place_bytes == 0);
    CHECK(chain.run(resident, 0.3f) == found);
    check_silent(*device);
}

TEST_CASE("where weights are read and how they come follows from the kind of device") {
    Caps discrete, bar, integrated, carved, cpu;
    discrete.kind = bar.kind = DeviceKind::discrete;
    discrete.host_memory = bar.host_memory = 16ull << 30;
    discrete.transfer_queue = bar.transfer_queue = bar.unified_memory = true;
    integrated.kind = carved.kind = DeviceKind::integrated;
    integrated.unified_memory = integrated.transfer_queue = true;
    carved.host_memory = 8ull << 30;   // beside a small part for the device alone
    cpu.kind = DeviceKind::cpu;
    cpu.unified_memory = true;

    CHECK(bringing_of(discrete) == Bringing::aside);
    CHECK(bringing_of(bar) == Bringing::aside);
    CHECK(bringing_of(integrated) == Bringing::by_host);
    CHECK(bringing_of(carved) == Bringing::between);
    CHECK(bringing_of(cpu) == Bringing::by_host);
    discrete.transfer_queue = false;
    CHECK(bringing_of(discrete) == Bringing::between);

    constexpr double kTable = 0, kPrompt = 77, kPicture = 4096;
    for (const Caps& caps : {discrete, bar}) {
        CHECK(read_in_place(caps, kTable));
        CHECK(read_in_place(caps, kPrompt));
        CHECK(!read_in_place(caps, kPicture));
    }
    CHECK(read_in_place(carved, kPicture));
    for (double uses : {kTable, kPrompt, kPicture}) {
        CHECK(!read_in_place(integrated, uses));
        CHECK(!read_in_place(cpu, uses));
    }
}

TEST_CASE("what few rows are multiplied with stays on the host of a discrete GPU", "[gpu]") {
    Chain chain;
    Caps caps = test_device()->caps();
    const Program program = lower(caps, {}, {chain.y});
    const std::vector<uint32_t> slots = missing_weights(program);
    caps.kind = DeviceKind::discrete, caps.host_memory = 1ull << 30;
    const auto plan = plan_streaming(program, slots, least_room(program, slots, caps), caps);
    REQUIRE(plan);
    CHECK(plan->in_place.size() == kLayers);   // each for three rows
    CHECK(plan->kept.size() == kLayers);
    CHECK(plan->segments.empty());
    caps.host_memory = 0;
    CHECK(plan_streaming(program, slots, least_room(program, slots, caps), caps)->in_place.empty());
}

TEST_CASE("a limit decides what stays, and holds", "[gpu]") {
    Chain chain;
    auto free_device = test_device("");
    Graph whole = take(Graph::compile(free_device, {chain.y}));
    CHECK(whole.stats().segments == 0);
    const auto expected = chain.run(whole, 0.3f);
    for (const auto& weight : chain.weights) weight->evict();

    DeviceOptions options = device_options("");
    options.memory_limit = 700u << 10;
    auto device = open_device(options);
    CHECK(total(chain) > options.memory_limit);
    Graph graph = take(Graph::compile(device, {chain.y}));
    CHECK(graph.stats().segments > 1);
    CHECK(graph.stats().streamed_bytes < (kLayers + 1) * kWidth * kWidth * sizeof(float));
    CHECK(chain.run(graph, 0.3f) == expected);
    CHECK(device->memory().peak <= options.memory_limit);
    auto refused = Graph::compile(device, {chain.y}, {.weights = Placing::resident});
    REQUIRE(!refused);
    CHECK(refused.error().status == Status::out_of_memory);
    check_silent(*device);
}

TEST_CASE("a plan keeps within its room, at every room", "[gpu]") {
    Chain chain;
    const Caps caps = test_device()->caps();
    const Program program = lower(caps, {}, {chain.y});
    const std::vector<uint32_t> slots = missing_weights(program);
    const uint64_t least = least_room(program, slots, caps);
    CHECK(!plan_streaming(program, slots, least - 1, caps));
    uint64_t brought_before = UINT64_MAX;
    for (uint64_t room = least; room < total(chain); room += 10000) {
        const auto plan = plan_streaming(program, slots, room, caps);
        REQUIRE(plan);
        uint64_t kept = 0;
        for (uint32_t slot : plan->kept) kept += (program.slots[slot].bytes + 255) / 256 * 256;
        CHECK(kept + 2 * plan->half <= room);
        CHECK(plan->brought <= brought_before);
        brought_before = plan->brought;
        int last = -1;
        for (const Streaming::Segment& segment : plan->segments) {
            CHECK(segment.first > last);
            last = segment.first;
            uint64_t end = 0;
            for (const Streaming::Brought& w : segment.weights) {
                CHECK(w.offset >= end);
                end = w.offset + w.bytes;
            }
            CHECK(end <= plan->half);
        }
    }
}
