// SentencePiece's model files (spiece.model, *.spm): a protocol buffer. Kudo and Richardson.
// SentencePiece. 2018; sentencepiece_model.proto.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"

namespace kiln {

struct SentencePieceModel {
    enum class Type : uint8_t { normal = 1, unknown, control, user_defined, unused, byte };
    enum class Algorithm : uint8_t { unigram = 1, bpe, word, character };
    struct Piece {
        std::string text;
        float score = 0;
        Type type = Type::normal;
    };
    std::vector<Piece> pieces;   // by id
    Algorithm algorithm = Algorithm::unigram;
    int32_t unknown = 0;    // the id of the unknown piece
    std::string charsmap;   // precompiled_charsmap
};

// `where` begins messages. Damaged: Status::bad_file.
Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes, const std::string& where);

}   // namespace kiln
