// The normalisation that a SentencePiece model carries: strings to replace, compiled into a trie.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

class Charsmap {
public:
    Charsmap() = default;   // changes nothing
    // From SentencePiece's precompiled_charsmap; an empty one changes nothing. `where` begins
    // messages. Damaged: Status::bad_file, or where that shows only in use, no replacement.
    static Result<Charsmap> parse(std::string_view blob, const std::string& where);

    // Well-formed UTF-8 from well-formed UTF-8, as Hugging Face's tokenizers library does it: a
    // grapheme of fewer than six bytes by the shortest string that it begins with, other text
    // character by character.
    std::string apply(std::string_view text) const;

private:
    std::optional<std::string_view> replacement(std::string_view text) const;

    std::vector<uint32_t> trie_;   // a double array
    std::string replacements_;     // each ends with a zero
};

}   // namespace kiln
