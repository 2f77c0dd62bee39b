#include "runtime/io/wav.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/io/audio_stream.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

constexpr size_t kOpen = 0xffffffff;   // in place of a size that is elsewhere or not known

uint32_t read_u32(std::span<const std::byte> bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) value |= uint32_t(bytes[at + i]) << 8 * i;
    return value;
}

void write_u32(std::byte* to, size_t value) {
    ensure(value <= 0xffffffff, "a RIFF file has less than 4 GiB");
    for (size_t i = 0; i < 4; i++) to[i] = std::byte(value >> 8 * i & 0xff);
}

void append_chunk(std::string& out, std::string_view id, std::string_view content) {
    std::byte size[4];
    write_u32(size, content.size());
    out.append(id).append(as_text(size)).append(content);
    if (content.size() % 2) out += '\0';
}

}   // namespace

std::optional<RiffChunk> find_chunk(std::span<const std::byte> riff, std::string_view id,
                                    size_t from) {
    for (size_t at = from; at + 8 <= riff.size();) {
        const RiffChunk chunk{as_text(riff.subspan(at, 4)), at + 8, read_u32(riff, at + 4)};
        if (chunk.id == id) return chunk;
        at = chunk.begin + chunk.size + chunk.size % 2;
    }
    return {};
}

std::optional<RiffChunk> find_samples(std::span<const std::byte> wav) {
    auto data = find_chunk(wav, "data");
    if (!data) return {};
    if (data->size == kOpen && as_text(wav).starts_with("RF64"))
        if (const auto sizes = find_chunk(wav, "ds64"); sizes && sizes->begin + 16 <= wav.size()) {
            const uint64_t high = read_u32(wav, sizes->begin + 12);
            data->size = std::min<size_t>(high, 0xffff) << 32 | read_u32(wav, sizes->begin + 8);
            return data;
        }
    if (data->size == 0 || data->size == kOpen) data->size = wav.size() - data->begin;
    return data;
}

std::string plain_wav(std::span<const std::byte> wav) {
    const auto format = find_chunk(wav, "fmt "), data = find_samples(wav);
    if (!format || !data) return {};
    std::string plain = "RIFF....WAVE";
    for (const auto& chunk : {format, find_chunk(wav, "fact"), data}) {
        if (!chunk) continue;
        const size_t size = std::min(chunk->size, wav.size() - chunk->begin);
        append_chunk(plain, chunk->id, as_text(wav.subspan(chunk->begin, size)));
    }
    write_u32(reinterpret_cast<std::byte*>(plain.data()) + 4, plain.size() - 8);
    return plain;
}

void insert_wav_tags(std::vector<std::byte>& wav, const SoundTags& tags) {
    std::string info = "INFO";
    for (const SoundTagName& known : sound_tag_names())
        for (const auto& [name, value] : tags)
            if (name == known.name && !value.empty()) append_chunk(info, known.riff, value + '\0');
    if (info.size() == 4) return;
    std::string list;
    append_chunk(list, "LIST", info);
    const auto data = find_chunk(wav, "data");
    ensure(data.has_value(), "a WAV file has samples");
    const auto bytes = as_bytes(list);
    wav.insert(wav.begin() + std::ptrdiff_t(data->begin - 8), bytes.begin(), bytes.end());
    write_u32(wav.data() + 4, wav.size() - 8);
}

SoundTags wav_tags(std::span<const std::byte> wav) {
    SoundTags tags;
    for (auto list = find_chunk(wav, "LIST"); list;
         list = find_chunk(wav, "LIST", list->begin + list->size + list->size % 2)) {
        if (list->begin + list->size > wav.size()) break;
        const auto content = wav.subspan(list->begin, list->size);
        if (!as_text(content).starts_with("INFO")) continue;
        for (const SoundTagName& known : sound_tag_names()) {
            const auto chunk = find_chunk(content, known.riff, 4);
            if (!chunk || chunk->begin + chunk->size > content.size()) continue;
            const std::string_view text = as_text(content.subspan(chunk->begin, chunk->size));
            tags.emplace_back(known.name, text.substr(0, text.find('\0')));
        }
        break;
    }
    return tags;
}

}   // namespace kiln
