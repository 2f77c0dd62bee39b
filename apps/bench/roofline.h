// Kernels below the roofs of their device, as a picture: operations a second over operations a
// byte, each kernel as large as its share of the time. Williams, Waterman, Patterson. Roofline: An
// Insightful Visual Performance Model for Multicore Architectures. 2009.
#pragma once
#include <map>
#include <string>

#include "apps/bench/peaks.h"

namespace kiln::bench {

class Roofline {
public:
    Roofline(std::string title, const Peaks& peaks) : title_(std::move(title)), peaks_(peaks) {}

    // Of one launch, or of many alike; those of one name and dtype are one kernel.
    void add(const std::string& name, DType dtype, const Work& work, double milliseconds);
    std::string svg() const;

    struct Kernel {
        std::string name;
        DType dtype;
        Work work;
        double milliseconds = 0;
    };

private:
    std::string title_;
    Peaks peaks_;
    std::map<std::string, Kernel> kernels_;
};

}   // namespace kiln::bench
