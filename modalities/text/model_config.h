// What the configurations of text models have in common. Everything here throws ResultError that
// names file, key and value; parse_<model>_config() turns it into a Result.
#pragma once
#include <cmath>
#include <initializer_list>
#include <string>
#include <string_view>

#include "runtime/io/json.h"
#include "runtime/ops/ops.h"

namespace kiln {

// An extent: from 1 to 2^24.
int positive(const JsonObject& json, std::string_view key, int otherwise);

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

// The configuration that `read` makes of `json`, or why it cannot.
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
