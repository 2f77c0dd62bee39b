#include <catch2/generators/catch_generators.hpp>
#include <cstring>
#include <random>

#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("odd sizes survive the way to the device and back", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    size_t size = GENERATE(1, 3, 4, 255, 257, 65537, (4 << 20) - 1, (4 << 20) + 1, (17 << 20) + 5);
    auto intent = GENERATE(Intent::device, Intent::upload, Intent::readback);
    std::vector<uint8_t> bytes(size);
    for (size_t i = 0; i < size; i++) bytes[i] = uint8_t(i * 2654435761u >> 13);
    Buffer buffer = upload(*device, bytes, intent);
    CHECK(buffer.size() == size);
    CHECK(download<uint8_t>(*device, buffer) == bytes);
    size_t half = size / 2;
    if (half) {
        std::vector<uint8_t> tail = download<uint8_t>(*device, buffer.slice(half, size - half));
        CHECK(std::memcmp(tail.data(), bytes.data() + half, size - half) == 0);
    }
    check_silent(*device);
}

TEST_CASE("host intents are mapped, and device memory only where it is unified", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    CHECK(take(device->allocate(16, Intent::upload)).mapped());
    CHECK(take(device->allocate(16, Intent::readback)).mapped());
    CHECK((take(device->allocate(16, Intent::device)).mapped() != nullptr) ==
          device->caps().unified_memory);
}

TEST_CASE("freed memory is used again", "[gpu]") {
    auto device = open_device(device_options());
    std::mt19937 random(7);
    std::vector<Buffer> live;
    uint64_t held = 0;
    for (int i = 0; i < 2000; i++) {
        if (live.size() > 40) live.erase(live.begin() + long(random() % live.size()));
        live.push_back(take(device->allocate(1 + random() % 100000, Intent::upload)));
        if (i == 200) held = device->memory().held;
    }
    CHECK(device->memory().held == held);
    for (const Buffer& a : live) {
        for (const Buffer& b : live) {
            REQUIRE((a == b || a.mapped() >= b.mapped() + b.size() ||
                     b.mapped() >= a.mapped() + a.size()));
        }
    }
    live.clear();
    Buffer all = take(device->allocate(15u << 20, Intent::upload));
    CHECK(device->memory().held == held);
}

TEST_CASE("memory beyond the limit is refused with numbers, and comes back when freed", "[gpu]") {
    DeviceOptions options = device_options();
    options.memory_limit = 40u << 20;
    auto device = open_device(options);
    CHECK(device->memory().limit == 40u << 20);
    Buffer first = take(device->allocate(30u << 20, Intent::device));
    Result<Buffer> second = device->allocate(20u << 20, Intent::device);
    REQUIRE(!second);
    CHECK(second.error().status == Status::out_of_memory);
    CHECK(second.error().message.find("asked for 20.0 MiB, holding 30.0 MiB, allowed 40.0 MiB") !=
          std::string::npos);
    CHECK(device->allocate(9u << 20, Intent::device).ok());
    first = {};
    CHECK(device->allocate(39u << 20, Intent::device).ok());
    CHECK(device->memory().peak <= 40u << 20);
}

TEST_CASE("what lies apart takes its size and gives it back", "[gpu]") {
    DeviceOptions options = device_options("");
    options.memory_limit = 40u << 20;
    auto device = open_device(options);
    CHECK(device->room() == 40u << 20);
    Buffer small = take(device->allocate(1000, Intent::device, Sharing::apart));
    CHECK(device->memory().held == 1024);
    Buffer large = take(device->allocate(device->room(), Intent::device, Sharing::apart));
    CHECK(device->room() == 0);
    small = large = {};
    CHECK(device->memory().held == 0);
    CHECK(device->room() == 40u << 20);
}

TEST_CASE("one allocation beyond the caps is refused", "[gpu]") {
    auto device = test_device("minimal");
    Result<Buffer> huge = device->allocate(device->caps().allocation + 1, Intent::device);
    REQUIRE(!huge);
    CHECK(huge.error().status == Status::out_of_memory);
    CHECK_THROWS_AS((void)device->allocate(0, Intent::device), InvariantError);
}

TEST_CASE("a slice must lie within its buffer", "[gpu]") {
    Buffer buffer = take(test_device()->allocate(100, Intent::device));
    CHECK(buffer.slice(50, 50).size() == 50);
    CHECK(buffer.slice(10, 90).slice(10, 80).offset() == 20);
    CHECK_THROWS_AS(buffer.slice(50, 51), InvariantError);
    CHECK_THROWS_AS(buffer.slice(101, 0), InvariantError);
    CHECK_THROWS_AS(Buffer().slice(0, 0), InvariantError);
}
