#include "runtime/nn/model_config.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace kiln {
namespace {

[[noreturn]] void refuse(const JsonObject& json, std::string_view key, const std::string& expected,
                         const nlohmann::json& found) {
    throw ResultError(json.error(key, "expected " + expected + ", found " + describe(found)));
}

}   // namespace

int in_range(const JsonObject& json, std::string_view key, int64_t value, int least, int most) {
    if (value < least || value > most)
        refuse(json, key, std::to_string(least) + " to " + std::to_string(most), value);
    return int(value);
}

int positive(const JsonObject& json, std::string_view key, int otherwise, int most) {
    return in_range(json, key, take(json.integer(key, otherwise)), 1, most);
}

std::vector<int> positives(const JsonObject& json, std::string_view key,
                           const std::vector<int>& otherwise, int most, size_t longest) {
    const std::vector<int64_t> found =
        take(json.integers(key, std::vector<int64_t>(otherwise.begin(), otherwise.end())));
    if (found.empty() || found.size() > longest)
        refuse(json, key, "1 to " + std::to_string(longest) + " numbers", found.size());
    std::vector<int> values;
    for (int64_t value : found) values.push_back(in_range(json, key, value, 1, most));
    return values;
}

std::vector<int> a_level(const JsonObject& json, std::string_view key, size_t levels, int otherwise,
                         int most) {
    std::vector<int64_t> found = take(json.integers(key, std::vector<int64_t>{otherwise}));
    if (found.size() == 1) found.resize(levels, found[0]);
    same_count(json, key, found.size(), levels);
    std::vector<int> values;
    for (int64_t value : found) values.push_back(in_range(json, key, value, 1, most));
    return values;
}

void same_count(const JsonObject& json, std::string_view key, size_t found, size_t expected) {
    if (found != expected) refuse(json, key, std::to_string(expected) + " entries", found);
}

float real(const JsonObject& json, std::string_view key, double otherwise) {
    const double value = take(json.number(key, otherwise));
    if (!std::isfinite(float(value)))
        refuse(json, key, "a number that single precision has", value);
    return float(value);
}

float epsilon(const JsonObject& json, std::string_view key, double otherwise) {
    const double value = take(json.number(key, otherwise));
    if (!(value >= 0 && value <= 1)) refuse(json, key, "0 to 1", value);
    return float(value);
}

Activation activation(const JsonObject& json, std::string_view key, std::string_view otherwise) {
    static constexpr std::pair<std::string_view, Activation> kNames[] = {
        {"gelu", Activation::gelu},
        {"gelu_new", Activation::gelu_tanh},
        {"gelu_pytorch_tanh", Activation::gelu_tanh},
        {"quick_gelu", Activation::quick_gelu},
        {"relu", Activation::relu},
        {"silu", Activation::silu},
        {"swish", Activation::silu},
        {"tanh", Activation::tanh}};
    const std::string name = take(json.string(key, std::string(otherwise)));
    for (const auto& [known, value] : kNames)
        if (name == known) return value;
    throw ResultError(json.error(key, "this activation is not known: " + describe(name)));
}

std::string one_of(const JsonObject& json, std::string_view key,
                   std::initializer_list<std::string_view> known) {
    const std::string value = take(json.string(key, std::string(*known.begin())));
    if (std::find(known.begin(), known.end(), value) != known.end()) return value;
    std::string list;
    for (std::string_view name : known)
        list += (list.empty() ? "" : " or ") + describe(std::string(name));
    refuse(json, key, list, value);
}

void require(const JsonObject& json, std::string_view key, bool built) {
    const bool value = take(json.boolean(key, built));
    if (value != built) refuse(json, key, built ? "true" : "false", value);
}

void require_whole_heads(const JsonObject& json, std::string_view heads_key, int heads,
                         std::string_view width_key, int width) {
    if (width % heads || width / heads > 512)
        throw ResultError(json.error(
            heads_key, std::to_string(heads) + " heads do not divide " + std::string(width_key) +
                           " " + std::to_string(width) + " into at most 512 columns each"));
}

}   // namespace kiln
