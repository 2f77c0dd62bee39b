// The device that GPU tests share: opened once per profile and process, with the validation layer
// when it is installed, and closed when the process ends. Environment:
// KILN_TEST_DEVICE (as --device), KILN_TEST_CAPS (as --caps, where a test does not say).
#pragma once
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <mutex>

#include "runtime/vk/command_list.h"
#include "runtime/vk/device.h"

namespace kiln::test {

// Every caps profile: "" is the device as it is.
inline constexpr std::array kProfiles = {"", "desktop", "mobile", "minimal"};

inline std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value ? value : "";
}

// What the devices of this process complained about, for messages of failed tests.
inline std::string& complaints() {
    static std::string text;
    return text;
}

inline DeviceOptions device_options(std::string profile = environment("KILN_TEST_CAPS")) {
    complaints();   // older than any device, hence still there when the last one closes
    DeviceOptions options;
    options.select = environment("KILN_TEST_DEVICE");
    options.profile = std::move(profile);
    options.validation = environment("KILN_TEST_VALIDATION") != "0";
    options.log = [](LogLevel level, std::string_view text) {
        static std::mutex mutex;
        std::lock_guard lock(mutex);
        if (level == LogLevel::error) complaints().append(text).append("\n");
    };
    return options;
}

// SKIPs the test when there is no device.
inline std::shared_ptr<Device> open_device(const DeviceOptions& options) {
    Result<std::shared_ptr<Device>> device = Device::open(options);
    if (!device && device.error().status == Status::no_device) SKIP(device.error().message);
    return take(std::move(device));
}

inline std::shared_ptr<Device> test_device(std::string profile = environment("KILN_TEST_CAPS")) {
    // Made with the first device open, so that it ends before the driver and the layer do.
    static std::map<std::string, std::shared_ptr<Device>> open{
        {profile, open_device(device_options(profile))}};
    std::shared_ptr<Device>& device = open[profile];
    if (!device) device = open_device(device_options(profile));
    return device;
}

// Asserts that the validation layer has been silent; call at the end of a test.
inline void check_silent(const Device& device) {
    INFO(complaints());
    CHECK(device.validation_messages() == 0);
}

template <class T>
Buffer upload(Device& device, const std::vector<T>& values, Intent intent = Intent::device) {
    Buffer buffer = take(device.allocate(values.size() * sizeof(T), intent));
    take(device.write(buffer, values.data(), values.size() * sizeof(T)));
    return buffer;
}

template <class T>
std::vector<T> download(Device& device, const Buffer& buffer) {
    std::vector<T> values(buffer.size() / sizeof(T));
    take(device.read(buffer, values.data(), values.size() * sizeof(T)));
    return values;
}

}   // namespace kiln::test
