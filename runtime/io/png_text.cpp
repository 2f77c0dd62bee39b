// Text in PNG files: W3C, Portable Network Graphics Specification (Third Edition), 2025, 11.3.3.
#include "runtime/io/png_text.h"

#include <stb/stb_image.h>

#include <array>
#include <optional>
#include <string_view>

#include "runtime/io/file.h"

namespace kiln {

using namespace std::string_view_literals;

static constexpr auto kSignature = "\x89PNG\r\n\x1a\n"sv;
static constexpr size_t kHeaderEnd = 33;   // signature and IHDR chunk
static constexpr size_t kLargestText = 16 << 20;

static uint32_t crc32(std::string_view bytes) {
    static const auto table = [] {
        std::array<uint32_t, 256> t{};
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t c = i;
            for (int k = 0; k < 8; k++) c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
            t[i] = c;
        }
        return t;
    }();
    uint32_t crc = ~0u;
    for (unsigned char c : bytes) crc = table[(crc ^ c) & 255] ^ (crc >> 8);
    return ~crc;
}

static std::string big_endian(uint32_t v) {
    return {char(v >> 24), char(v >> 16), char(v >> 8), char(v)};
}

static uint32_t read_big_endian(std::string_view s) {
    return uint32_t(uint8_t(s[0])) << 24 | uint32_t(uint8_t(s[1])) << 16 |
           uint32_t(uint8_t(s[2])) << 8 | uint32_t(uint8_t(s[3]));
}

// The text as Latin-1, if every character is printable there or a line feed, as tEXt demands.
static std::optional<std::string> latin1(std::string_view utf8) {
    std::string out;
    for (size_t i = 0; i < utf8.size(); i++) {
        unsigned char c = uint8_t(utf8[i]);
        if (c < 0x80) {
            if ((c < 0x20 && c != '\n') || c == 0x7f) return {};
            out += char(c);
            continue;
        }
        bool two = (c == 0xc2 || c == 0xc3) && i + 1 < utf8.size() &&
                   (uint8_t(utf8[i + 1]) & 0xc0) == 0x80;
        unsigned char letter = two ? uint8_t((c & 3) << 6 | (uint8_t(utf8[++i]) & 63)) : 0;
        if (letter < 0xa0) return {};
        out += char(letter);
    }
    return out;
}

static std::string utf8_from_latin1(std::string_view text) {
    std::string out;
    for (unsigned char c : text) {
        if (c < 0x80)
            out += char(c);
        else
            (out += char(0xc0 | c >> 6)) += char(0x80 | (c & 63));
    }
    return out;
}

void insert_png_text(std::vector<std::byte>& png, const ImageText& text) {
    std::string chunks;
    for (const auto& [keyword, value] : text) {
        auto key = latin1(keyword);
        ensure(key && !key->empty() && key->size() <= 79,
               "a PNG keyword has 1 to 79 Latin-1 characters");
        auto plain = latin1(value);
        std::string chunk =
            plain ? "tEXt" + *key + '\0' + *plain : "iTXt" + *key + std::string(5, '\0') + value;
        chunks += big_endian(uint32_t(chunk.size() - 4)) + chunk + big_endian(crc32(chunk));
    }
    auto bytes = as_bytes(chunks);
    png.insert(png.begin() + kHeaderEnd, bytes.begin(), bytes.end());
}

static std::optional<std::string> inflate(std::string_view data) {
    for (size_t size = 4096; size <= kLargestText; size *= 4) {
        std::string out(size, '\0');
        int n = stbi_zlib_decode_buffer(out.data(), int(size), data.data(), int(data.size()));
        if (n >= 0) return out.resize(size_t(n)), out;
    }
    return {};
}

// Splits `text` at its first NUL; false when there is none.
static bool split(std::string_view& text, std::string_view& before) {
    size_t nul = text.find('\0');
    if (nul == text.npos) return false;
    before = text.substr(0, nul);
    text.remove_prefix(nul + 1);
    return true;
}

static void read_text(std::string_view type, std::string_view body, ImageText& texts) {
    std::string_view keyword, language, translated;
    if (!split(body, keyword)) return;
    std::string key = utf8_from_latin1(keyword);
    if (type == "tEXt") {
        texts.emplace_back(key, utf8_from_latin1(body));
    } else if (type == "zTXt" && !body.empty()) {
        if (auto text = inflate(body.substr(1))) texts.emplace_back(key, utf8_from_latin1(*text));
    } else if (type == "iTXt" && body.size() >= 2) {
        bool compressed = body[0] != 0;
        body.remove_prefix(2);
        if (!split(body, language) || !split(body, translated)) return;
        if (!compressed)
            texts.emplace_back(key, std::string(body));
        else if (auto text = inflate(body))
            texts.emplace_back(key, std::move(*text));
    }
}

Result<ImageText> read_png_text(std::span<const std::byte> bytes, const std::string& where) {
    std::string_view rest = as_text(bytes);
    if (!rest.starts_with(kSignature))
        return Error{Status::bad_file, where + ": expected a PNG picture"};
    rest.remove_prefix(kSignature.size());
    ImageText texts;
    while (!rest.empty()) {
        size_t length = rest.size() < 12 ? 0 : read_big_endian(rest);
        if (rest.size() < 12 || length > rest.size() - 12)
            return Error{Status::bad_file, where + ": a truncated PNG picture"};
        std::string_view chunk = rest.substr(4, 4 + length), type = chunk.substr(0, 4);
        if (read_big_endian(rest.substr(8 + length)) != crc32(chunk))
            return Error{Status::bad_file, where + ": a damaged PNG picture: wrong checksum"};
        read_text(type, chunk.substr(4), texts);
        if (type == "IEND") break;
        rest.remove_prefix(12 + length);
    }
    return texts;
}

}   // namespace kiln
