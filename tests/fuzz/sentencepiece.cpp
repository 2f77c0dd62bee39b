// Bytes as a length, a prompt of that many bytes, and a spiece.model: either refused, or the prompt
// becomes exactly as many ids as asked for, all of the vocabulary.
#include <cstdint>
#include <cstdlib>

#include "modalities/text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    if (rest.empty()) return 0;
    const size_t length = std::min(size_t(data[0]), rest.size() - 1);
    const std::string_view prompt = rest.substr(1, length);
    rest.remove_prefix(1 + length);

    const auto tokenizer =
        kiln::Tokenizer::parse({.pieces = std::string(rest)}, "fuzz", kiln::TokenizerKind::t5);
    if (!tokenizer) {
        if (tokenizer.error().status != kiln::Status::bad_file) std::abort();
        return 0;
    }
    const kiln::Tokens tokens = tokenizer->encode(prompt, 16);
    if (tokens.ids.size() != 16 || tokens.used < 1 || tokens.used > 16) std::abort();
    for (int32_t id : tokens.ids)
        if (id < 0 || id >= tokenizer->vocabulary_size()) std::abort();
    if (tokens.ids[size_t(tokens.used) - 1] != tokenizer->eos()) std::abort();
    (void)tokenizer->decode(tokenizer->pieces(prompt));
    return 0;
}
