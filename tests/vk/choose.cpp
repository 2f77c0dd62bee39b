#include "runtime/vk/choose.h"

#include <catch2/catch_test_macros.hpp>

using namespace kiln;
using vk::Candidate;

namespace {

Candidate invented(std::string name, DeviceKind kind, uint64_t memory = 1u << 30) {
    Candidate candidate;
    candidate.caps.device = std::move(name);
    candidate.caps.kind = kind;
    candidate.caps.api_version = 1u << 22 | 3u << 12;
    candidate.caps.device_memory = memory;
    candidate.caps.storage_bindings = 5;
    return candidate;
}

int chosen(const std::vector<DeviceReport>& reports) {
    int index = -1;
    for (const DeviceReport& report : reports) {
        if (!report.chosen) continue;
        CHECK(index == -1);
        CHECK(report.reason.empty());
        index = report.index;
    }
    return index;
}

const std::vector<Candidate> kMachine{
    invented("llvmpipe", DeviceKind::cpu),
    invented("Virtual GPU", DeviceKind::virtual_gpu),
    invented("Integrated Graphics", DeviceKind::integrated),
    invented("GeForce small", DeviceKind::discrete, 4ull << 30),
    invented("GeForce large", DeviceKind::discrete, 8ull << 30),
};

}   // namespace

TEST_CASE("the best kind is chosen, then the larger memory") {
    std::vector<DeviceReport> reports = vk::judge(kMachine, "");
    CHECK(chosen(reports) == 4);
    CHECK(reports[0].reason == "GeForce large is preferred: discrete before cpu");
    CHECK(reports[3].reason == "GeForce large is preferred: more memory");
    CHECK(chosen(vk::judge({kMachine[0], kMachine[1]}, "")) == 1);
    CHECK(chosen(vk::judge({kMachine[1], kMachine[2]}, "")) == 1);
    CHECK(chosen(vk::judge({kMachine[0], kMachine[0]}, "")) == 0);
}

TEST_CASE("a device is selected by index or by part of its name") {
    CHECK(chosen(vk::judge(kMachine, "0")) == 0);
    CHECK(chosen(vk::judge(kMachine, "LLVM")) == 0);
    CHECK(chosen(vk::judge(kMachine, "geforce")) == 4);
    CHECK(chosen(vk::judge(kMachine, "5")) == -1);
    std::vector<DeviceReport> none = vk::judge(kMachine, "radeon");
    CHECK(chosen(none) == -1);
    CHECK(none[2].reason == "not selected by 'radeon'");
    CHECK(none[2].usable);
}

TEST_CASE("every refusal says what is missing") {
    auto refused = [](auto change) {
        Candidate candidate = invented("poor", DeviceKind::discrete);
        change(candidate);
        std::vector<DeviceReport> reports = vk::judge({candidate, kMachine[0]}, "");
        CHECK(chosen(reports) == 1);
        CHECK(!reports[0].usable);
        return reports[0].reason;
    };
    CHECK(refused([](Candidate& c) { c.caps.api_version = 1u << 22; }) == "Vulkan 1.0, needs 1.1");
    CHECK(refused([](Candidate& c) { c.compute_queue = false; }) == "no queue that computes");
    CHECK(refused([](Candidate& c) { c.caps.shared_memory = 8192; }) ==
          "shared memory 8192, needs 16384");
    CHECK(refused([](Candidate& c) { c.caps.invocations = 64; }) ==
          "invocations a workgroup 64, needs 128");
    CHECK(refused([](Candidate& c) { c.caps.binding_range = 1 << 26; }) ==
          "storage buffer range 67108864, needs 134217728");
    CHECK(refused([](Candidate& c) { c.caps.push_bytes = 64; }) ==
          "push constant bytes 64, needs 128");
    CHECK(refused([](Candidate& c) { c.caps.storage_bindings = 4; }) ==
          "storage buffers a kernel 4, needs 5");
}

TEST_CASE("a refused device is not chosen even when it is selected") {
    Candidate old = invented("old", DeviceKind::discrete);
    old.caps.api_version = 1u << 22;
    CHECK(chosen(vk::judge({old, kMachine[0]}, "old")) == -1);
}
