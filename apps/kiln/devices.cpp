#include "runtime/vk/device.h"

#include <cstdio>

#include "apps/kiln/commands.h"

namespace kiln::app {

// Each kind of product once, as in "16x16x16 f16 to f32".
static std::string matrices_of(const std::vector<MatrixShape>& shapes) {
    std::string text;
    for (const MatrixShape& s : shapes) {
        std::string one = std::to_string(s.m) + "x" + std::to_string(s.n) + "x" +
                          std::to_string(s.k) + " " + std::string(name_of(s.a)) + " to " +
                          std::string(name_of(s.d));
        if (s.a == s.b && s.c == s.d && text.find(one) == std::string::npos)
            text += (text.empty() ? "" : ", ") + one;
    }
    return text;
}

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
            {"cores", c.cores},
            {"matrices", matrices_of(c.matrices)},
            {"workgroup_matrices", matrices_of(c.workgroup_matrices)},
            {"matrix_hardware", matrix_hardware(c)},
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
    if (std::string matrices = matrices_of(c.matrices); !matrices.empty())
        std::printf("     matrices %s%s\n", matrices.c_str(),
                    matrix_hardware(c) ? "" : " (emulated, not used)");
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
