// A file mapped read-only into memory: how checkpoints of many gigabytes are read without a copy.
#pragma once
#include <cstddef>
#include <span>
#include <string>

#include "runtime/base/result.h"

namespace kiln {

// Movable, not copyable; spans into bytes() stay valid across moves and until destruction. The file
// must not shrink while it is mapped: reading past a new end kills the process on POSIX systems.
// Any number of threads may read at once.
class MappedFile {
public:
    // A missing, unreadable or empty file and anything that is not a regular file (a folder, a
    // pipe, a device) is Status::bad_file.
    static Result<MappedFile> open(const std::string& path);

    MappedFile() = default;
    MappedFile(MappedFile&& other) noexcept;
    MappedFile& operator=(MappedFile&& other) noexcept;
    ~MappedFile();

    std::span<const std::byte> bytes() const { return {data_, size_}; }
    const std::string& path() const { return path_; }

    // Lets the memory go that holds these of bytes(): they are not needed soon. Reading them again
    // is allowed at any time, and brings them back.
    void drop(std::span<const std::byte> bytes) const;

private:
    std::string path_;
    const std::byte* data_ = nullptr;
    size_t size_ = 0;
};

}   // namespace kiln
