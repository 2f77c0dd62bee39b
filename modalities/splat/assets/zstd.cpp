#include "modalities/splat/assets/zstd.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <new>

namespace kiln {
namespace {

constexpr size_t kChunk = size_t(1) << 16;
constexpr int kLevel = 12;

struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
};

}   // namespace

Result<void> unzstd(std::span<const std::byte> bytes, const std::string& where, size_t size,
                    std::vector<std::byte>& out) {
    const std::unique_ptr<ZSTD_DStream, Free> stream(ZSTD_createDStream());
    if (!stream) throw std::bad_alloc();
    const size_t begin = out.size(), end = begin + size;
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    size_t made = begin, state = 1;
    while (state != 0) {
        // One byte of room beyond the end shows what is too long.
        if (made == out.size()) out.resize(std::min(end + 1, made + std::max(kChunk, made)));
        ZSTD_outBuffer to{out.data() + made, out.size() - made, 0};
        state = ZSTD_decompressStream(stream.get(), &to, &in);
        if (ZSTD_isError(state))
            return Error{Status::bad_file, where + ": the compressed data is damaged (" +
                                               ZSTD_getErrorName(state) + ")"};
        made += to.pos;
        if (made > end) break;
        if (state != 0 && in.pos == in.size && made < out.size())
            return Error{Status::bad_file, where + ": the compressed data is cut short"};
    }
    if (made != end)
        return Error{Status::bad_file, where + ": not the expected " + std::to_string(size) +
                                           " bytes are compressed in it"};
    out.resize(end);
    return {};
}

std::vector<std::byte> zstd(std::span<const std::byte> bytes) {
    std::vector<std::byte> out(ZSTD_compressBound(bytes.size()));
    const size_t size = ZSTD_compress(out.data(), out.size(), bytes.data(), bytes.size(), kLevel);
    if (ZSTD_isError(size)) throw std::bad_alloc();   // there is no other reason
    out.resize(size);
    return out;
}

}   // namespace kiln
