// Where messages go: the library never prints; whoever opens a Device gives a sink or gets silence.
#pragma once
#include <functional>
#include <string_view>

namespace kiln {

enum class LogLevel { debug, info, warning, error };
using LogSink = std::function<void(LogLevel, std::string_view)>;

}   // namespace kiln
