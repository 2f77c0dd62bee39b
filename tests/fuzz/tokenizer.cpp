// Bytes as the files of a tokenizer and a prompt, set apart by 0xff: either refused as a tokenizer
// of each kind, or the prompt becomes exactly as many ids as asked for, all of the vocabulary.
#include "modalities/text/tokenizer.h"

#include <cstdint>
#include <cstdlib>

static void encode(const kiln::Tokenizer& tokenizer, std::string_view prompt) {
    kiln::Tokens tokens = tokenizer.encode(prompt, 16);
    if (tokens.ids.size() != 16 || tokens.used < 1 || tokens.used > 16) std::abort();
    for (int32_t id : tokens.ids)
        if (id < 0 || id >= tokenizer.vocabulary_size()) std::abort();
    if (tokens.ids[size_t(tokens.used) - 1] != tokenizer.eos()) std::abort();
    (void)tokenizer.decode(tokens.ids);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const kiln::Tokenizer bytes_only =
        kiln::take(kiln::Tokenizer::parse({.merges = "#version: 0.2\na b\nab c</w>\n"}, "bytes"));
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    encode(bytes_only, rest);

    kiln::Tokenizer::Files files;
    for (std::string* file : {&files.tokenizer, &files.vocabulary, &files.merges, &files.config,
                              &files.special_tokens, &files.added_tokens}) {
        size_t end = std::min(rest.find('\xff'), rest.size());
        *file = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    using enum kiln::TokenizerKind;
    for (kiln::TokenizerKind kind : {clip, roberta, t5}) {
        auto tokenizer = kiln::Tokenizer::parse(files, "fuzz", kind);
        if (tokenizer)
            encode(*tokenizer, rest);
        else if (tokenizer.error().status != kiln::Status::bad_file)
            std::abort();
    }
    return 0;
}
