#include "runtime/base/shape.h"

#include "runtime/base/check.h"

namespace kiln {

static size_t index(const Shape& shape, int i) {
    int k = i < 0 ? i + shape.rank() : i;
    ensure(k >= 0 && k < shape.rank(), "axis within the rank");
    return size_t(k);
}

int64_t Shape::operator[](int i) const { return dims[index(*this, i)]; }
int64_t& Shape::operator[](int i) { return dims[index(*this, i)]; }

int64_t Shape::count() const {
    int64_t n = 1;
    for (int64_t d : dims) n *= d;
    return n;
}

std::string to_string(const Shape& shape) {
    std::string s = "[";
    for (int i = 0; i < shape.rank(); i++) s += (i ? ", " : "") + std::to_string(shape[i]);
    return s + "]";
}

}   // namespace kiln
