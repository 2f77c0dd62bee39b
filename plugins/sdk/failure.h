// Why a call did not succeed, with the status that kiln exits with. Used on both sides of plugin.h.
#pragma once
#include <stdexcept>
#include <string>

#include "plugin.h"

namespace kiln::sdk {

struct Failure : std::runtime_error {
    kiln_status status;
    Failure(kiln_status s, const std::string& message) : std::runtime_error(message), status(s) {}
};

}   // namespace kiln::sdk
