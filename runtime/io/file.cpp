#include "runtime/io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace kiln {

static Error bad(const std::string& path, std::string_view what, int code) {
    return {Status::bad_file, path + ": " + std::string(what) + ": " + std::strerror(code)};
}

Result<std::string> read_file(const std::string& path, size_t limit) {
    int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return bad(path, "cannot be opened", errno);
    struct stat info {};
    std::string why;
    if (::fstat(fd, &info) != 0)
        why = std::strerror(errno);
    else if (S_ISDIR(info.st_mode))
        why = "expected a file, found a folder";
    else if (!S_ISREG(info.st_mode))
        why = "expected a regular file";
    else if (size_t(info.st_size) > limit)
        why = "the file has " + std::to_string(info.st_size) + " bytes; at most " +
              std::to_string(limit) + " are read";
    if (!why.empty()) {
        ::close(fd);
        return Error{Status::bad_file, path + ": " + why};
    }
    std::string text(size_t(info.st_size), '\0');
    size_t done = 0;
    while (done < text.size()) {
        ssize_t n = ::read(fd, text.data() + done, text.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            int code = errno;
            ::close(fd);
            return bad(path, "cannot be read", code);
        }
        if (n == 0) break;
        done += size_t(n);
    }
    ::close(fd);
    text.resize(done);
    return text;
}

static std::string folder_of(const std::string& path) {
    size_t slash = path.find_last_of('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Error AtomicFile::failed(std::string_view what, int code) const { return bad(target_, what, code); }

Result<AtomicFile> AtomicFile::create(const std::string& target) {
    struct stat info {};
    if (::stat(target.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
        return Error{Status::bad_file, target + ": exists and is not a regular file"};
    return beside(target);
}

Result<AtomicFile> AtomicFile::beside(const std::string& target) {
    static std::atomic<unsigned> count{0};
    AtomicFile file;
    file.target_ = target;
    // Short and beside the target: the name fits whatever the target's length, the rename is
    // atomic.
    std::string folder = folder_of(target);
    for (int attempt = 0; attempt < 100; attempt++) {
        file.temporary_ = folder + "/.kiln-" + std::to_string(::getpid()) + "-" +
                          std::to_string(count++) + ".part";
        file.fd_ = ::open(file.temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file.fd_ >= 0) return file;
        if (errno != EEXIST) break;
    }
    int code = errno;
    file.temporary_.clear();
    return bad(target, "cannot be written", code);
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept { *this = std::move(other); }

AtomicFile& AtomicFile::operator=(AtomicFile&& other) noexcept {
    std::swap(target_, other.target_);
    std::swap(temporary_, other.temporary_);
    std::swap(fd_, other.fd_);
    return *this;
}

AtomicFile::~AtomicFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<void> AtomicFile::write(std::span<const std::byte> bytes) {
    ensure(fd_ >= 0, "a file is written before it is committed");
    while (!bytes.empty()) {
        ssize_t n = ::write(fd_, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return failed("cannot be written", errno);
        bytes = bytes.subspan(size_t(n));
    }
    return {};
}

Result<void> AtomicFile::sync() {
    if (fd_ < 0) return {};
    int code =
        ::fsync(fd_) == 0 || errno == EINVAL ? 0 : errno;   // some file systems have no fsync
    if (::close(std::exchange(fd_, -1)) != 0 && code == 0) code = errno;
    if (code) return failed("cannot be written", code);
    return {};
}

static void sync_folder(const std::string& path) {
    int fd = ::open(folder_of(path).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ::fsync(fd);
    ::close(fd);
}

Result<void> AtomicFile::commit() {
    if (auto synced = sync(); !synced) return synced;
    if (::rename(temporary_.c_str(), target_.c_str()) != 0)
        return failed("cannot be renamed", errno);
    temporary_.clear();
    sync_folder(target_);
    return {};
}

Result<bool> AtomicFile::commit_new(const std::string& target) {
    if (auto synced = sync(); !synced) return synced.error();
    if (::link(temporary_.c_str(), target.c_str()) == 0) {
        ::unlink(std::exchange(temporary_, {}).c_str());
    } else if (errno == EEXIST) {
        return false;
    } else {   // a file system without hard links: reserve the name, then replace it
        int fd = ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) return false;
        if (fd < 0) return bad(target, "cannot be written", errno);
        ::close(fd);
        if (::rename(temporary_.c_str(), target.c_str()) != 0)
            return bad(target, "cannot be renamed", errno);
        temporary_.clear();
    }
    sync_folder(target);
    return true;
}

Result<void> write_file(const std::string& path, std::span<const std::byte> bytes) {
    auto file = AtomicFile::create(path);
    if (!file) return file.error();
    if (auto written = file->write(bytes); !written) return written;
    return file->commit();
}

Result<std::string> write_new_file(const std::string& folder, const std::string& stem,
                                   std::string_view extension, std::span<const std::byte> bytes) {
    auto name = [&](int i) {
        std::string path = folder;
        if (!path.empty() && path.back() != '/') path += '/';
        path += stem;
        if (i) (path += '-') += std::to_string(i);
        return (path += '.') += extension;
    };
    auto file = AtomicFile::beside(name(0));
    if (!file) return file.error();
    if (auto written = file->write(bytes); !written) return written.error();
    for (int i = 0; i < 1'000'000; i++) {
        auto done = file->commit_new(name(i));
        if (!done) return done.error();
        if (*done) return name(i);
    }
    return Error{Status::bad_file, name(0) + ": a million files of this name exist"};
}

}   // namespace kiln
