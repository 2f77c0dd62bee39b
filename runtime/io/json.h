// JSON files as values, with limits on size and depth, and getters whose errors name file and key.
#pragma once
#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace kiln {

struct JsonLimits {
    size_t bytes = size_t(64) << 20;
    int depth = 64;
};

// The document in `text`; `where` (a file name) begins every message. Not JSON, invalid UTF-8, a
// key that an object has twice, or a limit exceeded: Status::bad_file with the line.
Result<nlohmann::json> parse_json(std::string_view text, const std::string& where, JsonLimits = {});
Result<nlohmann::json> read_json(const std::string& path, JsonLimits = {});

// An object of a document, for reading configurations:
//   JsonObject config(document, "unet/config.json");
//   int channels = take(config.integer("in_channels", 4));
// A key that is absent or null gives the default; without one it is an error. The wrong type is
// always an error: "scheduler/scheduler_config.json: beta_start: expected a number, found "abc"".
// Keeps a reference: the document must outlive it.
class JsonObject {
public:
    // Any other value than an object acts as an empty object; check() tells them apart.
    JsonObject(const nlohmann::json& value, std::string where);
    Result<void> check() const;   // bad_file unless the value is an object

    bool has(std::string_view key) const;   // present and not null
    Result<int64_t> integer(std::string_view key, std::optional<int64_t> otherwise = {}) const;
    Result<double> number(std::string_view key, std::optional<double> otherwise = {}) const;
    Result<bool> boolean(std::string_view key, std::optional<bool> otherwise = {}) const;
    Result<std::string> string(std::string_view key,
                               std::optional<std::string> otherwise = {}) const;
    // A list, or one value that stands for a list of one, as published configurations write it.
    Result<std::vector<int64_t>> integers(std::string_view key,
                                          std::optional<std::vector<int64_t>> otherwise = {}) const;
    Result<std::vector<double>> numbers(std::string_view key,
                                        std::optional<std::vector<double>> otherwise = {}) const;
    Result<std::vector<std::string>> strings(
        std::string_view key, std::optional<std::vector<std::string>> otherwise = {}) const;
    // An empty object when absent.
    Result<JsonObject> object(std::string_view key) const;

    const nlohmann::json& value() const { return *value_; }
    const std::string& where() const { return where_; }
    // "where: key: fact", for checks of the caller's own.
    Error error(std::string_view key, std::string_view fact) const;

private:
    const nlohmann::json* find(std::string_view key) const;
    template <class T>
    Result<T> get(std::string_view key, const std::optional<T>& otherwise) const;
    template <class T>
    Result<std::vector<T>> list(std::string_view key,
                                const std::optional<std::vector<T>>& otherwise) const;
    const nlohmann::json* value_;
    std::string where_;
};

// A short description of a value for messages: 3, "abc", a list of 4, an object.
std::string describe(const nlohmann::json& value);

}   // namespace kiln
