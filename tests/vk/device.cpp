#include "runtime/vk/device.h"

#include "tests/vk/kernels.h"

using namespace kiln;
using namespace kiln::test;

TEST_CASE("devices are listed with one chosen, the one that opens", "[gpu]") {
    auto device = test_device("full");
    int chosen = 0;
    for (const DeviceReport& report : take(Device::list(device_options("full")))) {
        CHECK(report.chosen == report.reason.empty());
        if (!report.chosen) continue;
        CHECK(report.caps.device == device->caps().device);
        chosen++;
    }
    CHECK(chosen == 1);
}

TEST_CASE("a device that is not there is refused with every reason", "[gpu]") {
    test_device();
    DeviceOptions options = device_options();
    options.select = "no such device";
    Result<std::shared_ptr<Device>> device = Device::open(options);
    REQUIRE(!device);
    CHECK(device.error().status == Status::no_device);
    CHECK(device.error().message.find("not selected by 'no such device'") != std::string::npos);
    options = device_options("unheard of");
    CHECK(Device::open(options).error().status == Status::usage);
}

TEST_CASE("buffers and pipelines outlive the device's handle", "[gpu]") {
    auto device = open_device(device_options());
    Buffer buffer = upload(*device, ramp(100));
    Pipeline pipeline = take(device->pipeline(scale_desc()));
    device.reset();
    CHECK(buffer.size() == 400);
    if (const std::byte* bytes = buffer.mapped()) {
        float last;
        std::memcpy(&last, bytes + 99 * 4, 4);
        CHECK(last == 99);
    }
    buffer = {};
    pipeline.reset();
    CHECK(complaints().empty());
}

TEST_CASE("several devices work side by side", "[gpu]") {
    auto a = open_device(device_options("")), b = open_device(device_options("minimal"));
    std::vector<Buffer> results;
    for (auto& device : {a, b, a}) {
        Buffer x = upload(*device, ramp(333)), y = take(device->allocate(333 * 4, Intent::device));
        CommandList list(device);
        take(record_scale(list, take(device->pipeline(scale_desc(1))), x, y, 2));
        take(list.finish());
        take(device->run(list));
        CHECK(download<float>(*device, y)[332] == 665);
    }
    CHECK(a->pipelines_created() == 1);
    check_silent(*a);
    check_silent(*b);
}

TEST_CASE("the validation layer is heard", "[gpu]") {
    auto device = open_device(device_options());
    std::string before = complaints();
    (void)device->allocate(64, Intent::device);
    if (!device->validating()) SKIP("no validation layer");
    PipelineDesc desc = scale_desc();
    desc.push_bytes = 4;   // the kernel uses eight
    (void)device->pipeline(desc);
    CHECK(device->validation_messages() > 0);
    complaints() = before;
}
