// A device with other speeds of its kernel variants, so that tests force one of them.
#pragma once
#include <memory>

#include "runtime/vk/device.h"

namespace kiln::test {

// The device with another tuning, for as long as this lives.
class Retuned {
public:
    Retuned(std::shared_ptr<Device> device, Tuning tuning)
        : device_(std::move(device)), before_(device_->tuning()) {
        device_->set_tuning(std::move(tuning));
    }
    ~Retuned() { device_->set_tuning(before_); }

private:
    std::shared_ptr<Device> device_;
    Tuning before_;
};

}   // namespace kiln::test
