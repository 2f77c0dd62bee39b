// A lock between processes: held by one at a time, and given back when its process ends, however.
#pragma once
#include <optional>
#include <string>

#include "runtime/base/result.h"

namespace kiln {

class FileLock {
public:
    // Makes the file if there is none. Nothing: another process, or another FileLock, holds it. No
    // such folder or no permission: Status::bad_file.
    static Result<std::optional<FileLock>> attempt(const std::string& path);
    FileLock(FileLock&& other) noexcept;
    FileLock& operator=(FileLock&& other) noexcept;
    ~FileLock();

private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

}   // namespace kiln
