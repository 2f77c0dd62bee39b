// File names made from prompts.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace kiln {

// A file stem from a prompt and its seed: "A red cube!" and 42 give "a-red-cube-42". ASCII letters
// and digits and letters of other scripts stay, the rest become single hyphens; at most 60 bytes of
// prompt, cut at a word where possible. A prompt with nothing to keep gives "kiln-42".
std::string file_stem(std::string_view prompt, uint64_t seed);

}   // namespace kiln
