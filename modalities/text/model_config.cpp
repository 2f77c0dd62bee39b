#include "modalities/text/model_config.h"

#include <algorithm>
#include <utility>

namespace kiln {

int positive(const JsonObject& json, std::string_view key, int otherwise) {
    const int64_t value = take(json.integer(key, otherwise));
    if (value < 1 || value > (1 << 24))
        throw ResultError(json.error(key, "out of range: " + std::to_string(value)));
    return int(value);
}

float epsilon(const JsonObject& json, std::string_view key, double otherwise) {
    const double value = take(json.number(key, otherwise));
    if (!(value >= 0 && value <= 1))
        throw ResultError(json.error(key, "out of range: " + std::to_string(value)));
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
    throw ResultError(json.error(key, "expected " + list + ", found " + describe(value)));
}

void require(const JsonObject& json, std::string_view key, bool built) {
    const bool value = take(json.boolean(key, built));
    if (value != built)
        throw ResultError(json.error(key, std::string("expected ") + (built ? "true" : "false") +
                                              ", found " + describe(value)));
}

void require_whole_heads(const JsonObject& json, std::string_view heads_key, int heads,
                         std::string_view width_key, int width) {
    if (width % heads || width / heads > 512)
        throw ResultError(json.error(
            heads_key, std::to_string(heads) + " heads do not divide " + std::string(width_key) +
                           " " + std::to_string(width) + " into at most 512 columns each"));
}

}   // namespace kiln
