#include <dlfcn.h>

#include "plugins/sdk/library.h"

namespace kiln::sdk {

void* open_library(const std::filesystem::path& path, std::string& why) {
    void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char* words = dlerror();
        why = words ? words : "it could not be loaded";
    }
    return library;
}

void* find_symbol(void* library, const char* name) { return dlsym(library, name); }

const char* library_extension() {
#ifdef __APPLE__
    return ".dylib";
#else
    return ".so";
#endif
}

}   // namespace kiln::sdk
