#include "runtime/io/audio_stream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace kiln {
namespace {

SoundMemory& memory_of(void* user) { return *static_cast<SoundMemory*>(user); }

sf_count_t seek(sf_count_t offset, int whence, void* user) {
    SoundMemory& m = memory_of(user);
    const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m.at : m.size();
    // A sum that does not fit, or lies before the beginning, is no place.
    sf_count_t to = 0;
    if (__builtin_add_overflow(from, offset, &to) || to < 0) return -1;
    return m.at = to;
}

sf_count_t read(void* to, sf_count_t count, void* user) {
    SoundMemory& m = memory_of(user);
    if (m.writes || count <= 0 || m.at >= m.size()) return 0;
    count = std::min(count, m.size() - m.at);
    std::memcpy(to, m.source.data() + m.at, size_t(count));
    m.at += count;
    return count;
}

sf_count_t write(const void* from, sf_count_t count, void* user) {
    SoundMemory& m = memory_of(user);
    if (!m.writes || count <= 0) return 0;
    if (m.at + count > m.size()) m.target.resize(size_t(m.at + count));
    std::memcpy(m.target.data() + m.at, from, size_t(count));
    m.at += count;
    return count;
}

}   // namespace

SoundFile open_sound(SoundMemory& memory, SF_INFO& info) {
    static SF_VIRTUAL_IO io = {[](void* user) { return memory_of(user).size(); }, seek, read, write,
                               [](void* user) { return memory_of(user).at; }};
    return SoundFile(sf_open_virtual(&io, memory.writes ? SFM_WRITE : SFM_READ, &info, &memory));
}

std::span<const SoundTagName> sound_tag_names() {
    static constexpr std::array kNames = {SoundTagName{"title", "INAM", SF_STR_TITLE},
                                          SoundTagName{"artist", "IART", SF_STR_ARTIST},
                                          SoundTagName{"album", "IPRD", SF_STR_ALBUM},
                                          SoundTagName{"date", "ICRD", SF_STR_DATE},
                                          SoundTagName{"genre", "IGNR", SF_STR_GENRE},
                                          SoundTagName{"copyright", "ICOP", SF_STR_COPYRIGHT},
                                          SoundTagName{"software", "ISFT", SF_STR_SOFTWARE},
                                          SoundTagName{"comment", "ICMT", SF_STR_COMMENT}};
    return kNames;
}

}   // namespace kiln
