// What a file is, from its first bytes: so that a refusal can say what was found.
#pragma once
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace kiln {

// A phrase for a message: "a PNG picture", "a pickled PyTorch checkpoint", "a GGUF file", "a Git
// LFS pointer", ..., or "" when the bytes tell nothing. 16 bytes are enough for most formats; 64
// for all.
inline constexpr std::string_view kSafetensorsKind = "a safetensors file";
inline constexpr std::string_view kGgufKind = "a GGUF file";
inline constexpr std::string_view kPickleKind = "a pickled PyTorch checkpoint";
std::string_view kind_of_file(std::span<const std::byte> first_bytes);

// What to do about a checkpoint in a format that Kiln does not read, as one sentence; "" when
// nothing is known. Pickled checkpoints can run any code when loaded, so they are never opened.
std::string_view advice_for(std::string_view kind);

// `text` in double quotes, cut to `limit` bytes, with control characters, quotes and bytes that are
// not ASCII written as escapes: safe to print whatever a file holds.
std::string in_quotes(std::string_view text, size_t limit = 100);

}   // namespace kiln
