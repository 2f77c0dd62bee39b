// Every kernel of the build in every variant, for tools and tests that go over all of them.
#pragma once
#include <vector>

#include "runtime/kernel/kernel.h"

namespace kiln::kernels {

std::vector<const KernelSource*> all();   // defined in the generated registry.cpp

}   // namespace kiln::kernels
