// Pictures as bytes in memory: reading the common formats, writing PNG and JPEG.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

// Rows from the top, pixels from the left, channels interleaved, eight bits each, sRGB.
struct Image {
    int width = 0, height = 0;
    int channels = 0;              // 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA
    std::vector<uint8_t> pixels;   // height * width * channels
};

// Text that travels in a PNG: keyword (1 to 79 Latin-1 characters, such as "parameters") and value
// (UTF-8). Repeated keywords keep their order.
using ImageText = std::vector<std::pair<std::string, std::string>>;

// PNG, JPEG, BMP, GIF (first frame), TGA, PSD and PNM. `channels` converts; 0 keeps the file's own.
// `where` begins every message. What is not a picture, or is damaged, or has more than
// `max_pixels`: Status::bad_file, saying what was seen.
Result<Image> decode_image(std::span<const std::byte> bytes, const std::string& where,
                           int channels = 3, int64_t max_pixels = int64_t(1) << 26);
Result<Image> read_image(const std::string& path, int channels = 3,
                         int64_t max_pixels = int64_t(1) << 26);

// PNG, losslessly; each text becomes a tEXt chunk if Latin-1 can hold it, else an iTXt chunk.
std::vector<std::byte> encode_png(const Image& image, const ImageText& text = {});
// JPEG; alpha is dropped. quality 1 to 100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality = 92);

// The tEXt, zTXt and iTXt chunks of a PNG, as UTF-8. Not a PNG, a truncated chunk or a wrong
// checksum: Status::bad_file. A compressed text of more than 16 MiB is left out.
Result<ImageText> read_png_text(std::span<const std::byte> bytes, const std::string& where);

// Resampled to another size with a Catmull-Rom (larger) or Mitchell (smaller) filter, in sRGB
// values.
Image resize_image(const Image& image, int width, int height);

}   // namespace kiln
