// Which memory is being read or written since the last barrier, to know when the next is needed.
#pragma once
#include <vector>

#include "runtime/kernel/kernel.h"
#include "runtime/vk/buffer.h"

namespace kiln {

class Hazards {
public:
    // True when touching `buffer` so must wait: it overlaps a write, or writes what is being read.
    bool conflicts(const Buffer& buffer, Access access) const;
    void add(const Buffer& buffer, Access access);
    void clear() { pending_.clear(); }

private:
    struct Touch {
        const void* block;
        uint64_t begin, end;
        bool writes;
    };
    std::vector<Touch> pending_;
};

}   // namespace kiln
