// Whole files: read with a limit; written so that they appear whole or not at all.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace kiln {

// The whole file as bytes. Missing, unreadable, not a regular file, or longer than `limit`:
// Status::bad_file. An empty file is an empty string.
Result<std::string> read_file(const std::string& path, size_t limit = size_t(1) << 30);

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}
inline std::string_view as_text(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A file under construction: written beside its target under a temporary name, then fsync and
// rename, so that readers see the old file or the whole new one. Destroying it before commit()
// leaves no trace. All failures (no such folder, no permission, disk full) are Status::bad_file.
class AtomicFile {
public:
    static Result<AtomicFile> create(const std::string& target);
    AtomicFile(AtomicFile&& other) noexcept;
    AtomicFile& operator=(AtomicFile&& other) noexcept;
    ~AtomicFile();

    Result<void> write(std::span<const std::byte> bytes);
    Result<void> commit();                                // replaces the target if it exists
    Result<bool> commit_new(const std::string& target);   // false, and still pending, if it exists

private:
    AtomicFile() = default;
    static Result<AtomicFile> beside(const std::string& target);
    friend Result<std::string> write_new_file(const std::string&, const std::string&,
                                              std::string_view, std::span<const std::byte>);
    Result<void> sync();
    Error failed(std::string_view what, int code) const;
    std::string target_, temporary_;
    int fd_ = -1;
};

Result<void> write_file(const std::string& path, std::span<const std::byte> bytes);

// Writes folder/stem.extension, or folder/stem-1.extension and so on if that exists; never
// overwrites, also when several processes write at once. Returns the path that was used.
Result<std::string> write_new_file(const std::string& folder, const std::string& stem,
                                   std::string_view extension, std::span<const std::byte> bytes);

}   // namespace kiln
