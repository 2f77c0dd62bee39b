// Shape of a tensor: extents, slowest-varying first; storage is dense and row-major. Images are
// channels-last everywhere in Kiln: [n, h, w, c]. See ops.h.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace kiln {

struct Shape {
    std::vector<int64_t> dims;

    Shape() = default;
    Shape(std::initializer_list<int64_t> d) : dims(d) {}
    explicit Shape(std::vector<int64_t> d) : dims(std::move(d)) {}

    int rank() const { return int(dims.size()); }
    int64_t operator[](
        int i) const;   // negative counts from the end; out of range is a broken invariant
    int64_t& operator[](int i);
    int64_t count() const;   // product of extents; 1 for rank 0
    bool operator==(const Shape&) const = default;

    auto begin() const { return dims.begin(); }
    auto end() const { return dims.end(); }
};

std::string to_string(const Shape& shape);   // "[2, 64, 64, 4]"

}   // namespace kiln
