// Aoe. An Efficient Digital Search Algorithm by Using a Double-Array Structure. 1989; the units are
// those of Darts-clone: bits 0 to 7 hold the label, bit 8 says that a value follows, bits 10 to 30
// hold the offset, times 256 where bit 9 is set, and a unit with bit 31 is a value.
#include "modalities/text/tokenizer_charsmap.h"

#include <utf8proc.h>

#include "modalities/text/tokenizer_text.h"

namespace kiln {
namespace {

// Published maps need 33 bytes; without a limit a damaged one could make text of any length.
constexpr size_t kLongestReplacement = 1024;

uint32_t little_endian(std::string_view bytes) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) value |= uint32_t(uint8_t(bytes[i])) << (8 * i);
    return value;
}

uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & (1u << 9)) >> 6); }
uint32_t label_of(uint32_t unit) { return unit & (1u << 31 | 0xff); }
bool has_value(uint32_t unit) { return unit >> 8 & 1; }
uint32_t value_of(uint32_t unit) { return unit & ~(1u << 31); }

size_t grapheme_length(std::string_view text) {
    utf8proc_int32_t state = 0;
    CodePoint c = first_code_point(text);
    size_t length = c.length;
    while (length < text.size()) {
        const CodePoint next = first_code_point(text.substr(length));
        if (utf8proc_grapheme_break_stateful(utf8proc_int32_t(c.value),
                                             utf8proc_int32_t(next.value), &state))
            break;
        length += next.length;
        c = next;
    }
    return length;
}

}   // namespace

Result<Charsmap> Charsmap::parse(std::string_view blob, const std::string& where) {
    Charsmap map;
    if (blob.empty()) return map;
    const auto bad = [&where](const std::string& why) {
        return Error{Status::bad_file, where + ": precompiled_charsmap: " + why};
    };
    const size_t size = blob.size() < 4 ? 0 : little_endian(blob);
    if (size == 0 || size % 4 || size > blob.size() - 4)
        return bad("its trie of " + std::to_string(size) + " bytes does not fit into " +
                   std::to_string(blob.size()));
    for (size_t at = 4; at < 4 + size; at += 4) map.trie_.push_back(little_endian(blob.substr(at)));
    map.replacements_ = blob.substr(4 + size);
    if (replace_malformed(map.replacements_) != map.replacements_) return bad("it is not UTF-8");
    for (size_t begin = 0; begin < map.replacements_.size();) {
        const size_t end = map.replacements_.find('\0', begin);
        if (end == std::string::npos) return bad("its last string does not end");
        if (end - begin > kLongestReplacement)
            return bad("a string has " + std::to_string(end - begin) + " bytes");
        begin = end + 1;
    }
    return map;
}

// For the shortest string of the map that `text` begins with.
std::optional<std::string_view> Charsmap::replacement(std::string_view text) const {
    const auto unit = [this](size_t at) { return at < trie_.size() ? trie_[at] : 0; };
    size_t node = offset_of(unit(0));
    for (char c : text) {
        if (c == 0) return {};
        node ^= uint8_t(c);
        if (node >= trie_.size() || label_of(trie_[node]) != uint8_t(c)) return {};
        const uint32_t found = trie_[node];
        node ^= offset_of(found);
        if (!has_value(found)) continue;
        const size_t begin = value_of(unit(node));
        if (begin >= replacements_.size()) return {};
        return std::string_view(replacements_.c_str() + begin);
    }
    return {};
}

std::string Charsmap::apply(std::string_view text) const {
    if (trie_.empty()) return std::string(text);
    std::string out;
    while (!text.empty()) {
        std::string_view grapheme = text.substr(0, grapheme_length(text));
        text.remove_prefix(grapheme.size());
        if (grapheme.size() < 6)
            if (const auto whole = replacement(grapheme)) {
                out += *whole;
                continue;
            }
        while (!grapheme.empty()) {
            const std::string_view c = grapheme.substr(0, first_code_point(grapheme).length);
            out += replacement(c).value_or(c);
            grapheme.remove_prefix(c.size());
        }
    }
    return replace_malformed(out);   // a damaged map may point into a character
}

}   // namespace kiln
