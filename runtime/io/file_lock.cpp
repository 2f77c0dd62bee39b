#include "runtime/io/file_lock.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

namespace kiln {

Result<std::optional<FileLock>> FileLock::attempt(const std::string& path) {
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return Error{Status::bad_file, path + ": cannot be opened: " + std::strerror(errno)};
    FileLock lock(fd);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return std::optional<FileLock>(std::move(lock));
    if (errno == EWOULDBLOCK) return std::optional<FileLock>();
    return Error{Status::bad_file, path + ": cannot be locked: " + std::strerror(errno)};
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}   // namespace kiln
