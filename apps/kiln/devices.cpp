#include "runtime/vk/device.h"

#include <cstdio>

#include "apps/kiln/commands.h"

namespace kiln::app {

static sdk::Json row(const DeviceReport& d) {
    const Caps& c = d.caps;
    return {{"index", d.index},
            {"name", c.device},
            {"kind", name_of(c.kind)},
            {"driver", c.driver},
            {"driver_info", c.driver_info},
            {"usable", d.usable},
            {"chosen", d.chosen},
            {"reason", d.reason},
            {"memory", c.device_memory},
            {"unified_memory", c.unified_memory},
            {"shared_memory", c.shared_memory},
            {"invocations", c.invocations},
            {"binding_range", c.binding_range},
            {"allocation", c.allocation},
            {"subgroup_size", c.subgroup_size},
            {"subgroup_arithmetic", c.subgroup_arithmetic},
            {"storage_16bit", c.storage_16bit},
            {"storage_8bit", c.storage_8bit},
            {"fp16", c.fp16},
            {"int64", c.int64},
            {"float_atomics", c.float_atomics},
            {"profile", c.profile}};
}

static void print(const DeviceReport& d) {
    const Caps& c = d.caps;
    std::printf("%c %d  %s\n", d.chosen ? '*' : ' ', d.index, c.device.c_str());
    std::printf("     %s, %s %s\n", std::string(name_of(c.kind)).c_str(), c.driver.c_str(),
                c.driver_info.c_str());
    std::printf("     %.1f GiB%s; shared memory %u KiB, %u invocations; subgroups of %u%s%s%s%s\n",
                double(c.device_memory) / double(1u << 30),
                c.unified_memory ? " shared with the host" : "", c.shared_memory / 1024,
                c.invocations, c.subgroup_size, c.subgroup_arithmetic ? " with arithmetic" : "",
                c.fp16 ? "; f16" : "", c.float_atomics ? "; float atomics" : "",
                c.int64 ? "; int64" : "");
    const char* verdict = d.chosen ? "chosen" : d.usable ? "not chosen" : "refused";
    std::printf("     %s%s%s\n", verdict, d.reason.empty() ? "" : ": ", d.reason.c_str());
}

int devices(const Global& global) {
    DeviceOptions options;
    options.select = global.device, options.profile = global.caps;
    auto list = Device::list(options);
    if (!list) throw sdk::Failure(kiln_status(int(list.error().status)), list.error().message);
    bool any = false;
    for (const DeviceReport& d : *list) {
        if (global.json)
            std::printf("%s\n", row(d).dump().c_str());
        else
            print(d);
        any |= d.chosen;
    }
    if (!any)
        throw sdk::Failure(KILN_NO_DEVICE, global.device.empty()
                                               ? "no device can be used; each says why above"
                                               : "no usable device is called " + global.device);
    return KILN_DONE;
}

}   // namespace kiln::app
