// Descriptions of plugins (describe() in plugins/sdk/plugin.h), with what several plugins take said
// once.
#pragma once
#include <string>

namespace kiln::builtin {

const char* version();   // of Kiln

// A description as JSON, with Kiln's version. A property that has no type is completed from the
// field of its name below; what it says itself holds.
std::string described(const char* description);

}   // namespace kiln::builtin
