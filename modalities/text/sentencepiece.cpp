#include "modalities/text/sentencepiece.h"

#include <bit>

namespace kiln {
namespace {

// The wire format of protocol buffers: a key (number and kind of a field), then its value.
class Message {
public:
    Message(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

    bool next() {   // the next field, whose value is in `number` or `bytes`
        if (rest_.empty()) return false;
        const uint64_t key = varint();
        field = key >> 3;
        bytes = {};
        number = 0;
        switch (key & 7) {
            case 0: number = varint(); break;
            case 1: number = fixed(8); break;
            case 2: bytes = take(varint()); break;
            case 5: number = fixed(4); break;
            default: fail("a field of kind " + std::to_string(key & 7));
        }
        return true;
    }
    Message inner() const { return {bytes, where_}; }

    uint64_t field = 0, number = 0;
    std::string_view bytes;

private:
    [[noreturn]] void fail(const std::string& why) const {
        throw ResultError({Status::bad_file, where_ + ": not a SentencePiece model: " + why});
    }
    std::string_view take(uint64_t count) {
        if (count > rest_.size())
            fail("a field of " + std::to_string(count) + " bytes, " + std::to_string(rest_.size()) +
                 " before the end");
        const std::string_view taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    uint64_t fixed(size_t count) {
        uint64_t value = 0, shift = 0;
        for (char byte : take(count)) {
            value |= uint64_t(uint8_t(byte)) << shift;
            shift += 8;
        }
        return value;
    }
    uint64_t varint() {
        uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const uint64_t byte = fixed(1);
            value |= (byte & 0x7f) << shift;
            if (byte < 0x80) return value;
        }
        fail("a number of more than ten bytes");
    }

    std::string_view rest_;
    const std::string& where_;
};

SentencePieceModel::Piece piece_from(Message message) {
    SentencePieceModel::Piece piece;
    while (message.next()) {
        if (message.field == 1) piece.text = message.bytes;
        if (message.field == 2) piece.score = std::bit_cast<float>(uint32_t(message.number));
        if (message.field == 3) piece.type = SentencePieceModel::Type(uint8_t(message.number));
    }
    return piece;
}

void read_training(Message message, SentencePieceModel& model) {
    while (message.next()) {
        if (message.field == 3)
            model.algorithm = SentencePieceModel::Algorithm(uint8_t(message.number));
        if (message.field == 40) model.unknown = int32_t(message.number);
    }
}

}   // namespace

Result<SentencePieceModel> parse_sentencepiece(std::string_view bytes, const std::string& where) {
    try {
        SentencePieceModel model;
        for (Message message(bytes, where); message.next();) {
            if (message.field == 1) model.pieces.push_back(piece_from(message.inner()));
            if (message.field == 2) read_training(message.inner(), model);
            if (message.field != 3) continue;
            for (Message normaliser = message.inner(); normaliser.next();)
                if (normaliser.field == 2) model.charsmap = normaliser.bytes;
        }
        if (model.pieces.empty())
            return Error{Status::bad_file, where + ": not a SentencePiece model: no pieces"};
        return model;
    } catch (const ResultError& failed) {
        return failed.error;
    }
}

}   // namespace kiln
