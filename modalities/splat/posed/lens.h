// Pictures without the distortion of their lenses.
#pragma once
#include "modalities/splat/camera.h"
#include "modalities/splat/posed/posed.h"
#include "runtime/io/image.h"

namespace kiln {

// The lens of the same picture at another size, with fx to cy filled in. Sizes of another shape
// than the lens was made for, by more than 2 %, are Status::bad_file beginning with `where`.
Result<Lens> lens_at(const Lens& lens, int width, int height, const std::string& where);

Lens scaled(const Lens& lens, int width, int height);   // of any shape, with fx to cy filled in

// Where the lens shows a point (x, y) of the plane z = 1, in pixels.
std::array<double, 2> project(const Lens& lens, double x, double y);

// The lens without distortion whose pictures a lens's own can be resampled to with no pixel
// missing: of the same size and centre, zoomed in no further than that needs. A distortion that
// folds the picture over itself is Status::bad_file.
Result<Lens> straight(const Lens& lens, const std::string& where);

// The picture that straight() sees, of one that `lens` saw.
Image straightened(const Image& image, const Lens& lens, const Lens& target);

}   // namespace kiln
