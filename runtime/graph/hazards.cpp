#include "runtime/graph/hazards.h"

namespace kiln {

bool Hazards::conflicts(const Buffer& buffer, Access access) const {
    uint64_t begin = buffer.offset(), end = begin + buffer.size();
    for (const Touch& t : pending_)
        if (t.block == buffer.block().get() && t.begin < end && begin < t.end &&
            (t.writes || access != Access::read))
            return true;
    return false;
}

void Hazards::add(const Buffer& buffer, Access access) {
    uint64_t begin = buffer.offset();
    pending_.push_back(
        {buffer.block().get(), begin, begin + buffer.size(), access != Access::read});
}

}   // namespace kiln
