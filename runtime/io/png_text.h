// Text chunks of PNG files; image.h is the interface.
#pragma once
#include <cstddef>
#include <vector>

#include "runtime/io/image.h"

namespace kiln {

// Puts the texts behind the header chunk of an encoded PNG.
void insert_png_text(std::vector<std::byte>& png, const ImageText& text);

}   // namespace kiln
