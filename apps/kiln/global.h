// The flags that every command has.
#pragma once
#include <cstdint>
#include <string>

#include "apps/kiln/environment.h"
#include "plugins/sdk/host.h"

namespace kiln::app {

struct Global {
    std::string device, caps, memory, models;
    bool json = false, quiet = false, no_tuning = false;
    Environment environment;

    // For a plugin; a memory limit that is none is a Failure (KILN_USAGE).
    sdk::HostOptions host_options() const;
};

// "6G", "512 MiB", "1.5g" or a number of bytes; K, M, G and T are powers of 1024.
uint64_t bytes_from(const std::string& text);

}   // namespace kiln::app
