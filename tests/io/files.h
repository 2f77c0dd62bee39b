// A folder of one test, gone with it; and how a failure must look.
#pragma once
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "runtime/io/file.h"

struct TemporaryFolder {
    std::filesystem::path path;
    TemporaryFolder() {
        std::string name = (std::filesystem::temp_directory_path() / "kiln-test-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path); }
    std::string operator/(std::string_view name) const { return (path / name).string(); }
    std::string with(std::string_view name, std::string_view content) const {
        std::string file = *this / name;
        std::filesystem::create_directories(std::filesystem::path(file).parent_path());
        REQUIRE(kiln::write_file(file, kiln::as_bytes(content)).ok());
        return file;
    }
    size_t count() const {
        size_t n = 0;
        for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator(path)) n++;
        return n;
    }
};

template <class T>
void fails_with(const kiln::Result<T>& result, std::string_view message) {
    INFO("expected: " << message);
    REQUIRE(!result.ok());
    CHECK(result.error().status == kiln::Status::bad_file);
    CHECK_THAT(result.error().message, Catch::Matchers::ContainsSubstring(std::string(message)));
}
