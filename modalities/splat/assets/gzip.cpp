#include "modalities/splat/assets/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>

namespace kiln {
namespace {

constexpr int kGzip = 16 + MAX_WBITS;
constexpr size_t kChunk = size_t(1) << 16;

Bytef* bytef(const std::byte* bytes) {
    return reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes));
}

// zlib counts in 32 bits: hands over at most that much of what is left.
uInt portion(size_t left) {
    return uInt(std::min<size_t>(left, std::numeric_limits<uInt>::max() / 2));
}

struct Inflater {
    z_stream stream{};
    Inflater() {
        if (inflateInit2(&stream, kGzip) != Z_OK) throw std::bad_alloc();
    }
    ~Inflater() { inflateEnd(&stream); }
};

// Until the end of the stream, or until `limit` bytes are out. `ended` tells which.
Result<std::vector<std::byte>> inflate_up_to(std::span<const std::byte> bytes,
                                             const std::string& where, size_t limit, bool& ended) {
    Inflater in;
    std::vector<std::byte> out;
    size_t used = 0, made = 0;
    int state = Z_OK;
    while (state != Z_STREAM_END && made < limit) {
        if (made == out.size()) out.resize(std::min(limit, std::max(kChunk, made * 2)));
        in.stream.next_in = bytef(bytes.data() + used);
        in.stream.avail_in = portion(bytes.size() - used);
        in.stream.next_out = bytef(out.data() + made);
        in.stream.avail_out = portion(out.size() - made);
        const uInt given = in.stream.avail_in, room = in.stream.avail_out;
        state = inflate(&in.stream, Z_NO_FLUSH);
        used += given - in.stream.avail_in;
        made += room - in.stream.avail_out;
        if (state == Z_BUF_ERROR || (state == Z_OK && used == bytes.size() && made < out.size()))
            return Error{Status::bad_file, where + ": the compressed data is cut short"};
        if (state != Z_OK && state != Z_STREAM_END)
            return Error{
                Status::bad_file,
                where + ": the compressed data is damaged" +
                    (in.stream.msg ? std::string(" (") + in.stream.msg + ")" : std::string())};
    }
    ended = state == Z_STREAM_END;
    out.resize(made);
    return out;
}

}   // namespace

bool is_gzip(std::span<const std::byte> bytes) {
    return bytes.size() >= 4 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b} &&
           bytes[2] == std::byte{Z_DEFLATED} && (bytes[3] & std::byte{0xe0}) == std::byte{0};
}

Result<std::vector<std::byte>> gunzip_head(std::span<const std::byte> bytes,
                                           const std::string& where, size_t count) {
    bool ended = false;
    return inflate_up_to(bytes, where, count, ended);
}

Result<std::vector<std::byte>> gunzip(std::span<const std::byte> bytes, const std::string& where,
                                      size_t limit) {
    bool ended = false;
    auto out = inflate_up_to(bytes, where, limit + 1, ended);
    if (out && (!ended || out->size() > limit))
        return Error{Status::bad_file, where + ": more than the expected " + std::to_string(limit) +
                                           " bytes are compressed in it"};
    return out;
}

std::vector<std::byte> gzip(std::span<const std::byte> bytes) {
    z_stream stream{};
    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzip, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc();
    std::vector<std::byte> out(kChunk);
    size_t used = 0, made = 0;
    int state = Z_OK;
    while (state != Z_STREAM_END) {
        if (made == out.size()) out.resize(made * 2);
        stream.next_in = bytef(bytes.data() + used);
        stream.avail_in = portion(bytes.size() - used);
        stream.next_out = bytef(out.data() + made);
        stream.avail_out = portion(out.size() - made);
        const uInt given = stream.avail_in, room = stream.avail_out;
        state = deflate(&stream, used + given == bytes.size() ? Z_FINISH : Z_NO_FLUSH);
        used += given - stream.avail_in;
        made += room - stream.avail_out;
    }
    deflateEnd(&stream);
    out.resize(made);
    return out;
}

}   // namespace kiln
