#include "modalities/splat/viewer/page.h"

#include <cstdint>

extern const char kViewerPage[];
extern const unsigned long kViewerPageSize;

namespace kiln {
namespace {

constexpr std::string_view kPlace = "<!--file-->";

// As the value of an attribute in double quotes. Control characters, which HTML does not allow even
// as references, become spaces.
std::string attribute(std::string_view text) {
    std::string out;
    for (const char c : text) switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            case '\'': out += "&#39;"; break;
            default: out += uint8_t(c) < 0x20 || c == 0x7f ? ' ' : c;
        }
    return out;
}

std::string base64(std::span<const std::byte> bytes) {
    static constexpr char kDigits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        const auto at = [&](size_t j) { return j < bytes.size() ? uint32_t(bytes[j]) : 0; };
        const uint32_t group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
        for (int d = 0; d < 4; d++) out += kDigits[group >> (18 - 6 * d) & 63];
    }
    for (size_t pad = (3 - bytes.size() % 3) % 3, i = 0; i < pad; i++)
        out[out.size() - 1 - i] = '=';
    return out;
}

}   // namespace

std::string_view viewer_page() { return {kViewerPage, kViewerPageSize}; }

std::string viewer_page(std::span<const std::byte> file, std::string_view name) {
    const std::string_view page = viewer_page();
    const size_t at = page.find(kPlace);
    return std::string(page.substr(0, at)) +
           "<script id=\"embedded\" type=\"text/plain\" data-name=\"" + attribute(name) + "\">" +
           base64(file) + "</script>" + std::string(page.substr(at + kPlace.size()));
}

}   // namespace kiln
