#include "runtime/io/image.h"

#include <stb/stb_image.h>
#include <stb/stb_image_resize.h>
#include <stb/stb_image_write.h>

#include <algorithm>

#include "runtime/io/file.h"
#include "runtime/io/magic.h"
#include "runtime/io/png_text.h"

namespace kiln {

static Error not_a_picture(const std::string& where, std::span<const std::byte> bytes) {
    std::string_view kind = kind_of_file(bytes.first(std::min<size_t>(bytes.size(), 64)));
    std::string message = where + ": ";
    if (bytes.empty())
        message += "expected a picture, the file is empty";
    else if (kind.empty())
        message += "expected a picture, found neither PNG nor JPEG nor another known format";
    else
        message +=
            "expected a picture that Kiln reads (PNG, JPEG, BMP, GIF), found " + std::string(kind);
    return {Status::bad_file, message};
}

Result<Image> decode_image(std::span<const std::byte> bytes, const std::string& where, int channels,
                           int64_t max_pixels) {
    ensure(channels >= 0 && channels <= 4, "0 to 4 channels");
    Image image;
    int stored = 0;
    auto* data = reinterpret_cast<const stbi_uc*>(bytes.data());
    int size = int(bytes.size());
    if (bytes.empty() || bytes.size() > size_t(INT32_MAX) ||
        !stbi_info_from_memory(data, size, &image.width, &image.height, &stored))
        return not_a_picture(where, bytes);
    std::string extent = std::to_string(image.width) + " x " + std::to_string(image.height);
    if (image.width <= 0 || image.height <= 0 || int64_t(image.width) * image.height > max_pixels)
        return Error{Status::bad_file, where + ": a picture of " + extent + "; at most " +
                                           std::to_string(max_pixels) + " pixels are read"};
    stbi_uc* pixels =
        stbi_load_from_memory(data, size, &image.width, &image.height, &stored, channels);
    if (!pixels)
        return Error{Status::bad_file,
                     where + ": a damaged picture (" + extent + "): " + stbi_failure_reason()};
    image.channels = channels ? channels : stored;
    image.pixels.assign(
        pixels, pixels + size_t(image.width) * size_t(image.height) * size_t(image.channels));
    stbi_image_free(pixels);
    return image;
}

Result<Image> read_image(const std::string& path, int channels, int64_t max_pixels) {
    auto bytes = read_file(path, size_t(1) << 29);
    if (!bytes) return bytes.error();
    return decode_image(as_bytes(*bytes), path, channels, max_pixels);
}

static void append(void* target, void* data, int size) {
    auto* bytes = static_cast<const std::byte*>(data);
    static_cast<std::vector<std::byte>*>(target)->insert(
        static_cast<std::vector<std::byte>*>(target)->end(), bytes, bytes + size);
}

static void check(const Image& image) {
    ensure(image.width > 0 && image.height > 0 && image.channels >= 1 && image.channels <= 4,
           "a picture has pixels");
    ensure(
        image.pixels.size() == size_t(image.width) * size_t(image.height) * size_t(image.channels),
        "a picture's bytes fill its extent");
}

std::vector<std::byte> encode_png(const Image& image, const ImageText& text) {
    check(image);
    std::vector<std::byte> png;
    int ok = stbi_write_png_to_func(append, &png, image.width, image.height, image.channels,
                                    image.pixels.data(), image.width * image.channels);
    ensure(ok != 0, "a PNG is encoded");
    insert_png_text(png, text);
    return png;
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
    check(image);
    std::vector<std::byte> jpeg;
    int ok = stbi_write_jpg_to_func(append, &jpeg, image.width, image.height, image.channels,
                                    image.pixels.data(), std::clamp(quality, 1, 100));
    ensure(ok != 0, "a JPEG is encoded");
    return jpeg;
}

Image resize_image(const Image& image, int width, int height) {
    check(image);
    ensure(width > 0 && height > 0, "a picture is resized to pixels");
    Image out{width, height, image.channels, {}};
    out.pixels.resize(size_t(width) * size_t(height) * size_t(image.channels));
    int ok = stbir_resize_uint8(image.pixels.data(), image.width, image.height, 0,
                                out.pixels.data(), width, height, 0, image.channels);
    ensure(ok != 0, "a picture is resized");
    return out;
}

}   // namespace kiln
