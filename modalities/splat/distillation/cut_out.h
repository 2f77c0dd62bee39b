// The object that a picture shows, cut out of what is behind it.
//
// What is object is said by a mask, else by the picture's own alpha, else found where the
// background is plain: what is like the picture's border and connected to it is background. A
// background that is seen through a hole of the object is not, so it counts as object.
#pragma once
#include <optional>
#include <string>

#include "runtime/io/image.h"

namespace kiln {

struct CutOutOptions {
    // Of a plain background, in 255ths of a channel: how far its pixels may be from the border's
    // median, and from their neighbours, so that it may be shaded.
    int reach = 48, step = 8;
    double border = 0.7;   // share of the border's pixels that have to be like their median
};

// RGBA of the picture's size, colours multiplied by alpha. `picture` has any number of channels,
// `mask`, light where the object is, one. Pixels at the edge of what was found on a plain
// background are transparent by how much of it they show. `where` begins every message.
// Status::usage: a mask of another size than the picture, or a picture without mask and alpha whose
// background is not plain; Status::bad_file: a mask or alpha that leaves nothing, a mask that
// leaves all, or a picture whose sides are not of 16 to 16384 pixels.
Result<Image> cut_out(const Image& picture, const std::optional<Image>& mask,
                      const std::string& where, const CutOutOptions& options = {});

// A cut-out as a square of size x size: the middle of the object's bounding box is that of the
// square, and its farthest pixel is `fill` times half the square's side away from there.
// A cut-out shows something.
Image framed(const Image& cut_out, int size, double fill);

}   // namespace kiln
