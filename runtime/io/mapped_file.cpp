#include "runtime/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace kiln {

static Error bad(const std::string& path, const std::string& why) {
    return {Status::bad_file, path + ": " + why};
}

Result<MappedFile> MappedFile::open(const std::string& path) {
    // Without O_NONBLOCK, opening a pipe that nobody writes to would never return.
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return bad(path, std::string("cannot be opened: ") + std::strerror(errno));
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
        int code = errno;
        ::close(fd);
        return bad(path, std::string("cannot be examined: ") + std::strerror(code));
    }
    if (!S_ISREG(info.st_mode) || info.st_size == 0) {
        ::close(fd);
        if (S_ISDIR(info.st_mode)) return bad(path, "expected a file, found a folder");
        if (!S_ISREG(info.st_mode)) return bad(path, "expected a regular file");
        return bad(path, "the file is empty");
    }
    size_t size = size_t(info.st_size);
    void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    int code = errno;
    ::close(fd);
    if (data == MAP_FAILED)
        return bad(path, std::string("cannot be mapped: ") + std::strerror(code));

    MappedFile file;
    file.path_ = path;
    file.data_ = static_cast<const std::byte*>(data);
    file.size_ = size;
    return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

void MappedFile::drop(std::span<const std::byte> bytes) const {
    ensure(bytes.data() >= data_ && bytes.data() + bytes.size() <= data_ + size_,
           "bytes of the mapped file");
    const size_t page = size_t(::sysconf(_SC_PAGESIZE));
    const size_t begin = size_t(bytes.data() - data_) / page * page;
    const size_t end = size_t(bytes.data() - data_) + bytes.size();
    // Advice only: where it is not taken, the pages stay until the system wants them.
    if (end > begin) ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_DONTNEED);
}

MappedFile::~MappedFile() {
    if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

}   // namespace kiln
