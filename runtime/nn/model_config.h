// What the configurations of models have in common. An absent key gives the default. Everything
// here throws a ResultError (Status::bad_file) that names file, key and value; parse_config() turns
// it into a Result.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/io/json.h"
#include "runtime/ops/ops.h"

namespace kiln {

// Refuses a value of `key` that is not from `least` to `most`.
int in_range(const JsonObject& json, std::string_view key, int64_t value, int least, int most);

// An extent: from 1 to `most`.
int positive(const JsonObject& json, std::string_view key, int otherwise, int most = 1 << 24);

// From 1 to `longest` extents; one number stands for a list of it.
std::vector<int> positives(const JsonObject& json, std::string_view key,
                           const std::vector<int>& otherwise, int most, size_t longest = 16);

// An extent for each of `levels`; one number, which `otherwise` is, stands for all of them.
std::vector<int> a_level(const JsonObject& json, std::string_view key, size_t levels, int otherwise,
                         int most = 1 << 16);

// Refuses a list under `key` that has not as many entries as expected.
void same_count(const JsonObject& json, std::string_view key, size_t found, size_t expected);

// A number that is still finite as a float.
float real(const JsonObject& json, std::string_view key, double otherwise);

// What is added to a variance before its root is taken: from 0 to 1.
float epsilon(const JsonObject& json, std::string_view key, double otherwise);

// One of the names of transformers for the activations that are built.
Activation activation(const JsonObject& json, std::string_view key, std::string_view otherwise);

// Refuses a string other than those listed; one that is absent is the first.
std::string one_of(const JsonObject& json, std::string_view key,
                   std::initializer_list<std::string_view> known);

// Refuses a switch that is not as built.
void require(const JsonObject& json, std::string_view key, bool built);

// Refuses a number of heads that does not divide the width.
void require_whole_heads(const JsonObject& json, std::string_view heads_key, int heads,
                         std::string_view width_key, int width);

// The configuration that `read` makes of an object, or why it cannot.
template <class Read>
auto parse_config(const JsonObject& json, Read read) -> Result<decltype(read(json))> {
    try {
        take(json.check());
        return read(json);
    } catch (const ResultError& failure) {
        return failure.error;
    }
}

}   // namespace kiln
