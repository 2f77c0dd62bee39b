#include "runtime/io/image.h"

#include <catch2/generators/catch_generators.hpp>
#include <cstdlib>

#include "runtime/io/json.h"
#include "tests/io/files.h"

using namespace kiln;

static Image pattern(int width, int height, int channels) {
    Image image{width, height, channels, {}};
    for (int i = 0; i < width * height * channels; i++)
        image.pixels.push_back(uint8_t(i * 37 + i / 11));
    return image;
}

TEST_CASE("a PNG gives back the pixels it was made of") {
    int channels = GENERATE(1, 2, 3, 4);
    Image image = pattern(13, 7, channels);
    Image back = take(decode_image(encode_png(image), "x.png", 0));
    CHECK(back.width == 13);
    CHECK(back.height == 7);
    CHECK(back.channels == channels);
    CHECK(back.pixels == image.pixels);
}

TEST_CASE("decoding converts to the channels asked for") {
    Image grey = pattern(3, 2, 1);
    Image rgb = take(decode_image(encode_png(grey), "x.png"));
    CHECK(rgb.channels == 3);
    CHECK(rgb.pixels[3] == grey.pixels[1]);
    CHECK(rgb.pixels[5] == grey.pixels[1]);
}

TEST_CASE("a JPEG is close to the pixels it was made of") {
    Image image{32, 32, 3, {}};
    for (int i = 0; i < 32 * 32; i++)
        for (int c = 0; c < 3; c++)
            image.pixels.push_back(uint8_t(c == 0 ? i / 32 * 8 : i % 32 * 8));
    Image back = take(decode_image(encode_jpeg(image, 95), "x.jpg"));
    REQUIRE(back.pixels.size() == image.pixels.size());
    double difference = 0;
    for (size_t i = 0; i < back.pixels.size(); i++)
        difference += std::abs(back.pixels[i] - image.pixels[i]);
    CHECK(difference / double(back.pixels.size()) < 6);
}

TEST_CASE("text travels in a PNG, in Latin-1 where that holds it") {
    ImageText text{{"parameters", "a cat\nNegative prompt: dog\nSteps: 20"},
                   {"prompt", "caf\xc3\xa9 \xc3\xbf"},
                   {"workflow", "\xe7\x8c\xab \xf0\x9f\x90\x88"},
                   {"control", "a\x01\tb"},
                   {"empty", ""}};
    std::vector<std::byte> png = encode_png(pattern(2, 2, 3), text);
    CHECK(take(read_png_text(png, "x.png")) == text);
    CHECK(take(decode_image(png, "x.png")).pixels == pattern(2, 2, 3).pixels);
    std::string_view bytes = as_text(png);
    CHECK(bytes.find(std::string_view("tEXtprompt\0caf\xe9 \xff", 17)) != bytes.npos);
    CHECK(bytes.find("iTXtworkflow") != bytes.npos);
    CHECK(bytes.find("iTXtcontrol") != bytes.npos);
    CHECK(take(read_png_text(encode_png(pattern(1, 1, 1)), "x.png")).empty());
}

TEST_CASE("text that Pillow wrote is read, compressed chunks included") {
    std::string png = take(read_file(KILN_GOLDEN_DIR "/io/text.png"));
    auto golden = take(read_json(KILN_GOLDEN_DIR "/io/text.json"));
    ImageText expected;
    for (const auto& item : golden) expected.emplace_back(item[0], item[1]);
    CHECK(take(read_png_text(as_bytes(png), "text.png")) == expected);
}

TEST_CASE("what is not a picture is refused, saying what was seen") {
    using namespace std::string_view_literals;
    auto decode = [](std::string_view bytes) { return decode_image(as_bytes(bytes), "in.png"); };
    fails_with(decode(""), "in.png: expected a picture, the file is empty");
    fails_with(decode("hello world, this is text"),
               "in.png: expected a picture, found neither PNG nor JPEG");
    fails_with(decode("RIFF\x10\0\0\0WEBPVP8 "sv), "found a WebP picture");
    fails_with(decode("%PDF-1.7 ........"), "found a PDF document");
    fails_with(decode("{\"a\":1}"), "found JSON");
    fails_with(decode("PK\x03\x04........"), "found a pickled PyTorch checkpoint");
    TemporaryFolder folder;
    fails_with(read_image(folder / "none.png"), "none.png: cannot be opened");
    fails_with(read_image(folder.path), "found a folder");
}

TEST_CASE("damaged and oversized pictures are refused") {
    std::vector<std::byte> png = encode_png(pattern(64, 64, 3));
    std::span<const std::byte> bytes = png;
    fails_with(decode_image(bytes.first(bytes.size() / 2), "in.png"),
               "in.png: a damaged picture (64 x 64): ");
    fails_with(decode_image(bytes, "in.png", 3, 4095),
               "in.png: a picture of 64 x 64; at most 4095 pixels are read");
    CHECK(decode_image(bytes, "in.png", 3, 4096).ok());
    fails_with(read_png_text(bytes.first(bytes.size() - 5), "in.png"),
               "in.png: a truncated PNG picture");
    fails_with(read_png_text(as_bytes("GIF89a"), "in.png"), "in.png: expected a PNG picture");
    png[20] = std::byte(9);
    fails_with(read_png_text(png, "in.png"), "in.png: a damaged PNG picture: wrong checksum");
}

TEST_CASE("resizing keeps a flat colour and the extent asked for") {
    Image flat{10, 6, 3, std::vector<uint8_t>(180, 77)};
    for (auto [w, h] : {std::pair{5, 3}, {21, 13}, {10, 6}, {1, 1}}) {
        Image out = resize_image(flat, w, h);
        CHECK(out.width == w);
        CHECK(out.pixels == std::vector<uint8_t>(size_t(w * h * 3), 77));
    }
}
