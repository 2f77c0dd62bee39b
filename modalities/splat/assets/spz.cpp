#include "modalities/splat/assets/spz.h"

#include <array>
#include <cstring>
#include <limits>
#include <numeric>
#include <numbers>

#include "modalities/splat/assets/bytes.h"
#include "modalities/splat/assets/gzip.h"
#include "modalities/splat/assets/zstd.h"

namespace kiln {
namespace {

constexpr uint32_t kMagic = 0x5053474e;   // "NGSP"
constexpr size_t kHeader = 16;
constexpr uint8_t kAntialiased = 1, kExtensions = 2;
constexpr size_t kMaxExtensions = size_t(1) << 20;
constexpr double kDeflateRatio = 1032;   // the most that deflate can gain
constexpr double kColour = 0.15;
constexpr int kFractionalBits = 12;
constexpr double kFixedRange = 1 << 23;

struct Header {
    uint32_t magic = kMagic, version = 3, count = 0;
    uint8_t degree = 0, fractional_bits = kFractionalBits, flags = 0, streams = 0;
};
static_assert(sizeof(Header) == kHeader);

// How version 4 goes on, before the table of its streams and those themselves.
struct Streams {
    uint32_t table = uint32_t(kHeader + sizeof(Streams)), reserved[3] = {};
};
struct StreamSizes {
    uint64_t packed, unpacked;
};
constexpr size_t kStreams = 6;   // means, opacities, colours, scales, rotations, harmonics

size_t rotation_bytes(uint32_t version) { return version == 2 ? 3 : 4; }

// Of one splat, array by array.
std::array<size_t, kStreams> parts_of(const Header& h) {
    return {9, 1, 3, 3, rotation_bytes(h.version), size_t(sh_count(h.degree) - 1) * 3};
}
size_t splat_bytes(const Header& h) {
    const auto parts = parts_of(h);
    return std::accumulate(parts.begin(), parts.end(), size_t(0));
}

// x y z of 127.5 v + 127.5; w is what is left of length one.
void unpack_first_three(const std::byte* from, float* wxyz) {
    double rest = 1;
    for (int a = 0; a < 3; a++) {
        wxyz[1 + a] = float(double(from[a]) / 127.5 - 1);
        rest -= double(wxyz[1 + a]) * wxyz[1 + a];
    }
    wxyz[0] = float(std::sqrt(std::max(0.0, rest)));
}

void pack_first_three(const double* xyzw, std::byte* to) {
    const double sign = xyzw[3] < 0 ? -1 : 1;
    for (int a = 0; a < 3; a++) to[a] = to_byte(127.5 * sign * xyzw[a] + 127.5);
}

void unpack_smallest_three(const std::byte* from, float* wxyz) {
    uint32_t word;
    std::memcpy(&word, from, sizeof word);
    const int largest = int(word >> 30);
    double rest = 1, xyzw[4];
    for (int a = 3, shift = 0; a >= 0; a--) {
        if (a == largest) continue;
        const double size = double(word >> shift & 511) / 511 / std::numbers::sqrt2;
        xyzw[a] = word >> shift & 512 ? -size : size;
        rest -= size * size;
        shift += 10;
    }
    xyzw[largest] = std::sqrt(std::max(0.0, rest));
    wxyz[0] = float(xyzw[3]);
    for (int a = 0; a < 3; a++) wxyz[1 + a] = float(xyzw[a]);
}

void pack_smallest_three(const double* xyzw, std::byte* to) {
    int largest = 0;
    for (int a = 1; a < 4; a++)
        if (std::abs(xyzw[a]) > std::abs(xyzw[largest])) largest = a;
    uint32_t word = uint32_t(largest);
    for (int a = 0; a < 4; a++) {
        if (a == largest) continue;
        const bool negative = (xyzw[a] < 0) != (xyzw[largest] < 0);
        const double size =
            std::min(511.0, std::round(511 * std::numbers::sqrt2 * std::abs(xyzw[a])));
        word = word << 10 | uint32_t(negative) << 9 | uint32_t(size);
    }
    std::memcpy(to, &word, sizeof word);
}

// 128 x + 128 to the nearest multiple of a step.
std::byte pack_harmonic(double x, int step) {
    return to_byte(std::round((128 * x + 128) / step) * step);
}

int32_t fixed_point(const std::byte* from) {
    const uint32_t word =
        uint32_t(from[0]) << 8 | uint32_t(from[1]) << 16 | uint32_t(from[2]) << 24;
    return int32_t(word) >> 8;
}

Splats unpack(const Header& h, const std::byte* from) {
    const size_t n = h.count;
    Splats s = make_splats(n, h.degree);
    s.antialiased = h.flags & kAntialiased;
    for (size_t i = 0; i < n * 3; i++, from += 3)
        s.means[i] = float(std::ldexp(double(fixed_point(from)), -int(h.fractional_bits)));
    for (size_t i = 0; i < n; i++) s.logits[i] = logit_of_byte(*from++);
    const size_t k = size_t(sh_count(h.degree));
    for (size_t i = 0; i < n * 3; i++)
        s.sh[i / 3 * k * 3 + i % 3] = float((double(*from++) / 255 - 0.5) / kColour);
    for (size_t i = 0; i < n * 3; i++) s.log_scales[i] = float(*from++) / 16 - 10;
    for (size_t i = 0; i < n; i++, from += rotation_bytes(h.version))
        (h.version == 2 ? unpack_first_three : unpack_smallest_three)(from, &s.quaternions[i * 4]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 3; j < k * 3; j++) s.sh[i * k * 3 + j] = (float(*from++) - 128) / 128;
    return s;
}

void pack(const Splats& s, const Header& h, std::byte* to) {
    const size_t n = s.size(), k = size_t(sh_count(h.degree));
    for (const float mean : s.means) {
        const double fixed = std::round(std::ldexp(double(mean), h.fractional_bits));
        const uint32_t word = uint32_t(int32_t(fixed));
        for (int b = 0; b < 3; b++) *to++ = std::byte(uint8_t(word >> 8 * b));
    }
    for (const float logit : s.logits) *to++ = to_byte(255 * opacity_of_logit(logit));
    for (size_t i = 0; i < n * 3; i++)
        *to++ = to_byte(255 * (kColour * s.sh[i / 3 * k * 3 + i % 3] + 0.5));
    for (const float scale : s.log_scales) *to++ = to_byte((double(scale) + 10) * 16);
    for (size_t i = 0; i < n; i++, to += rotation_bytes(h.version)) {
        const float* q = &s.quaternions[i * 4];
        const double length = std::hypot(std::hypot(q[0], q[1]), std::hypot(q[2], q[3]));
        const double xyzw[4] = {q[1] / length, q[2] / length, q[3] / length, q[0] / length};
        (h.version == 2 ? pack_first_three : pack_smallest_three)(xyzw, to);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 3; j < k * 3; j++)
            *to++ = pack_harmonic(s.sh[i * k * 3 + j], j < 12 ? 8 : 16);
}

// What holds of every version.
Result<void> check(const Header& h, const std::string& where, size_t max_splats) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    if (h.degree > kMaxShDegree)
        return bad("has spherical harmonics of degree " + std::to_string(h.degree) +
                   "; at most 3 are read");
    if (h.fractional_bits > 24)
        return bad("claims " + std::to_string(h.fractional_bits) + " fractional bits of 24");
    if (h.count > max_splats)
        return bad("claims " + std::to_string(h.count) + " splats; at most " +
                   std::to_string(max_splats) + " are read");
    return {};
}

Result<Header> header_of(std::span<const std::byte> bytes, const std::string& where,
                         size_t max_splats) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    Header h;
    const auto head = gunzip_head(bytes, where, kHeader);
    if (!head) return head.error();
    if (head->size() < kHeader) return bad("is too short for an SPZ header");
    std::memcpy(&h, head->data(), kHeader);
    if (h.magic != kMagic) return bad("is gzip but not SPZ");
    if (h.version != 2 && h.version != 3)
        return bad("is gzipped SPZ version " + std::to_string(h.version) + "; 2 and 3 are read");
    if (const Result<void> good = check(h, where, max_splats); !good) return good.error();
    if (double(h.count) * double(splat_bytes(h)) > kDeflateRatio * double(bytes.size()))
        return bad("claims " + std::to_string(h.count) + " splats, which its " +
                   std::to_string(bytes.size()) + " bytes cannot hold");
    return h;
}

// Version 4: not gzipped, but each array by itself.
Result<Splats> parse_streams(std::span<const std::byte> bytes, const std::string& where,
                             size_t max_splats) {
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, where + ": " + fact};
    };
    Header h;
    Streams s;
    if (bytes.size() < kHeader + sizeof s) return bad("is too short for an SPZ header");
    std::memcpy(&h, bytes.data(), kHeader);
    std::memcpy(&s, bytes.data() + kHeader, sizeof s);
    if (h.version != 4)
        return bad("is SPZ version " + std::to_string(h.version) + " without gzip; 4 is read");
    if (const Result<void> good = check(h, where, max_splats); !good) return good.error();
    const size_t table = h.streams * sizeof(StreamSizes);
    if (s.table < kHeader + sizeof s || s.table > bytes.size() || table > bytes.size() - s.table)
        return bad("its table of " + std::to_string(h.streams) + " streams lies outside of it");
    std::vector<std::byte> data;
    size_t at = s.table + table;
    for (size_t i = 0; i < kStreams; i++) {
        const size_t size = size_t(h.count) * parts_of(h)[i];
        StreamSizes stream{};
        if (i < h.streams)
            std::memcpy(&stream, bytes.data() + s.table + i * sizeof stream, sizeof stream);
        if (stream.packed > bytes.size() - at)
            return bad("stream " + std::to_string(i) + " ends beyond the file: cut short?");
        if (stream.unpacked != size)
            return bad("stream " + std::to_string(i) + " has " + std::to_string(stream.unpacked) +
                       " bytes of the " + std::to_string(size) + " expected");
        if (size > 0)
            if (const auto good = unzstd(bytes.subspan(at, stream.packed), where, size, data);
                !good)
                return good.error();
        at += stream.packed;
    }
    return unpack(h, data.data());
}

std::vector<std::byte> streams_of(Header h, std::span<const std::byte> arrays) {
    h.streams = uint8_t(h.degree > 0 ? kStreams : kStreams - 1);   // none without harmonics
    const Streams s;
    std::vector<std::byte> bytes(s.table + h.streams * sizeof(StreamSizes));
    std::memcpy(bytes.data(), &h, kHeader);
    std::memcpy(bytes.data() + kHeader, &s, sizeof s);
    for (size_t i = 0; i < h.streams; i++) {
        const size_t size = size_t(h.count) * parts_of(h)[i];
        const std::vector<std::byte> stream = zstd(arrays.first(size));
        const StreamSizes sizes{stream.size(), size};
        std::memcpy(bytes.data() + s.table + i * sizeof sizes, &sizes, sizeof sizes);
        bytes.insert(bytes.end(), stream.begin(), stream.end());
        arrays = arrays.subspan(size);
    }
    return bytes;
}

}   // namespace

Result<Splats> parse_spz(std::span<const std::byte> bytes, const std::string& where,
                         size_t max_splats) {
    if (bytes.size() >= sizeof kMagic && std::memcmp(bytes.data(), &kMagic, sizeof kMagic) == 0)
        return parse_streams(bytes, where, max_splats);
    const Result<Header> h = header_of(bytes, where, max_splats);
    if (!h) return h.error();
    const size_t expected = kHeader + size_t(h->count) * splat_bytes(*h);
    const auto data =
        gunzip(bytes, where, expected + (h->flags & kExtensions ? kMaxExtensions : 0));
    if (!data) return data.error();
    if (data->size() < expected)
        return Error{Status::bad_file, where + ": " + std::to_string(h->count) + " splats are " +
                                           std::to_string(expected) + " bytes; found " +
                                           std::to_string(data->size())};
    return unpack(*h, data->data() + kHeader);
}

Result<std::vector<std::byte>> spz_bytes(const Splats& s, int version) {
    if (version < 2 || version > 4)
        return Error{Status::usage,
                     "SPZ version " + std::to_string(version) + ": 2, 3 and 4 are written"};
    if (s.size() > std::numeric_limits<uint32_t>::max())
        return Error{Status::usage, std::to_string(s.size()) + " splats are more than SPZ counts"};
    Header h;
    h.version = uint32_t(version), h.count = uint32_t(s.size());
    h.degree = uint8_t(s.sh_degree);
    h.flags = s.antialiased ? kAntialiased : 0;
    double farthest = 0;
    for (const float mean : s.means) farthest = std::max(farthest, std::abs(double(mean)));
    while (h.fractional_bits && std::ldexp(farthest, h.fractional_bits) > kFixedRange - 1)
        h.fractional_bits--;
    if (farthest > kFixedRange - 1)
        return Error{Status::usage, "a mean " + std::to_string(farthest) +
                                        " m from the origin is too far away for SPZ"};
    std::vector<std::byte> bytes(kHeader + s.size() * splat_bytes(h));
    std::memcpy(bytes.data(), &h, kHeader);
    pack(s, h, bytes.data() + kHeader);
    return version == 4 ? streams_of(h, std::span(bytes).subspan(kHeader)) : gzip(bytes);
}

}   // namespace kiln
