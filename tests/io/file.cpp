#include "runtime/io/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "runtime/io/file_name.h"
#include "runtime/io/mapped_file.h"
#include "tests/io/files.h"

using namespace kiln;

TEST_CASE("a mapped file has the file's bytes and outlives moves") {
    TemporaryFolder folder;
    std::string path = folder.with("x", "hello");
    MappedFile file = take(MappedFile::open(path));
    MappedFile moved = std::move(file);
    CHECK(as_text(moved.bytes()) == "hello");
    CHECK(moved.path() == path);
    CHECK(file.bytes().empty());
    moved.drop(moved.bytes().subspan(1, 3));
    CHECK(as_text(moved.bytes()) == "hello");
}

TEST_CASE("what cannot be mapped is refused") {
    TemporaryFolder folder;
    fails_with(MappedFile::open(folder / "none"), "none: cannot be opened: No such file");
    fails_with(MappedFile::open(folder.with("empty", "")), "empty: the file is empty");
    fails_with(MappedFile::open(folder.path), "expected a file, found a folder");
    REQUIRE(mkfifo((folder / "pipe").c_str(), 0600) == 0);
    fails_with(MappedFile::open(folder / "pipe"), "pipe: expected a regular file");
    fails_with(MappedFile::open("/dev/null"), "/dev/null: expected a regular file");
}

TEST_CASE("a file is read whole or refused") {
    TemporaryFolder folder;
    CHECK(take(read_file(folder.with("x", "12345"))) == "12345");
    CHECK(take(read_file(folder.with("y", ""))).empty());
    CHECK(take(read_file(folder / "x", 5)) == "12345");
    fails_with(read_file(folder / "x", 4), "the file has 5 bytes; at most 4 are read");
    fails_with(read_file(folder / "none"), "none: cannot be opened");
    fails_with(read_file(folder.path), "found a folder");
    fails_with(read_file("/dev/zero"), "expected a regular file");
}

TEST_CASE("writing replaces a file whole") {
    TemporaryFolder folder;
    std::string path = folder.with("x", "old");
    {
        AtomicFile file = take(AtomicFile::create(path));
        CHECK(file.write(as_bytes("ne")).ok());
        CHECK(take(read_file(path)) == "old");
        CHECK(file.write(as_bytes("w")).ok());
        CHECK(file.commit().ok());
    }
    CHECK(take(read_file(path)) == "new");
    CHECK(folder.count() == 1);
}

TEST_CASE("a file that is not committed leaves no trace") {
    TemporaryFolder folder;
    {
        AtomicFile file = take(AtomicFile::create(folder / "x"));
        CHECK(file.write(as_bytes("half")).ok());
        CHECK(folder.count() == 1);
    }
    CHECK(folder.count() == 0);
}

TEST_CASE("unwritable targets are refused and leave no trace") {
    TemporaryFolder folder;
    fails_with(write_file(folder / "none/x", as_bytes("x")),
               "none/x: cannot be written: No such file");
    fails_with(write_file(folder.path, as_bytes("x")), "exists and is not a regular file");
    fails_with(write_file("/dev/null", as_bytes("x")),
               "/dev/null: exists and is not a regular file");
    fails_with(write_file("/proc/x", as_bytes("x")), "/proc/x: cannot be written");
    CHECK(folder.count() == 0);
}

TEST_CASE("new files never overwrite, also from several threads") {
    TemporaryFolder folder;
    CHECK(take(write_new_file(folder.path, "a", "png", as_bytes("1"))) == folder / "a.png");
    CHECK(take(write_new_file(folder.path, "a", "png", as_bytes("2"))) == folder / "a-1.png");
    CHECK(take(read_file(folder / "a.png")) == "1");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&] {
            for (int k = 0; k < 5; k++)
                (void)write_new_file(folder.path, "b", "txt", as_bytes("x"));
        });
    for (auto& thread : threads) thread.join();
    CHECK(folder.count() == 22);
    fails_with(write_new_file(folder / "none", "a", "png", as_bytes("x")),
               "none/a.png: cannot be written");
}

TEST_CASE("a file name says what was asked for") {
    CHECK(file_stem("A red cube!", 42) == "a-red-cube-42");
    CHECK(file_stem("  ../../etc/passwd\n", 1) == "etc-passwd-1");
    CHECK(file_stem("", 7) == "kiln-7");
    CHECK(file_stem("!?\xff\x80", 7) == "kiln-7");
    CHECK(file_stem("caf\xc3\xa9 \xe7\x8c\xab", 0) == "caf\xc3\xa9-\xe7\x8c\xab-0");
    CHECK(file_stem("a\xe2\x80\xae"
                    "b",
                    3) == "a-b-3");   // an override of text direction
    CHECK(file_stem(std::string(100, 'x'), 18446744073709551615u) ==
          std::string(60, 'x') + "-18446744073709551615");
    std::string words;
    for (int i = 0; i < 30; i++) words += "word ";
    CHECK(file_stem(words, 5) == "word-word-word-word-word-word-word-word-word-word-word-word-5");
}
