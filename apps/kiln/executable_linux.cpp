#include "apps/kiln/environment.h"

namespace kiln::app {

std::filesystem::path executable() {
    std::error_code ignored;
    return std::filesystem::read_symlink("/proc/self/exe", ignored);
}

}   // namespace kiln::app
