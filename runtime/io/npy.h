// Arrays as numpy.save writes them.
// NumPy Enhancement Proposal 1. A Simple File Format for NumPy Arrays. 2007, with version 3.0.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/base/shape.h"

namespace kiln {

struct NpyArray {
    Shape shape;
    std::vector<float> values;   // slowest axis first
};

// Little-endian f2, f4 and f8, in C or Fortran order. `where` begins every message; anything else,
// a header that lies, or a file that is cut short is Status::bad_file. Values may be NaN.
Result<NpyArray> parse_npy(std::span<const std::byte> bytes, const std::string& where);

}   // namespace kiln
