// A shared library opened by path. One .cpp beside this header for each family of systems.
#pragma once
#include <filesystem>
#include <string>

namespace kiln::sdk {

// The opened library, or null with the loader's words in `why`. It stays open until the process
// ends: drivers and thread-local destructors do not survive their code's disappearance.
void* open_library(const std::filesystem::path& path, std::string& why);
void* find_symbol(void* library, const char* name);   // null if it exports no such symbol

const char* library_extension();   // ".so", with the dot

}   // namespace kiln::sdk
