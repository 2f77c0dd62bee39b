// What configurations have in common, and how what cannot be is refused.
#include "runtime/nn/model_config.h"

#include <catch2/catch_test_macros.hpp>

using namespace kiln;
using Json = nlohmann::json;

namespace {

template <class Read>
std::string refusal(const char* text, Read read) {
    const Json document = Json::parse(text);
    const auto result = parse_config(JsonObject(document, "config.json"), read);
    REQUIRE(!result);
    CHECK(result.error().status == Status::bad_file);
    return result.error().message;
}

}   // namespace

TEST_CASE("keys of a configuration have defaults, and one number stands for a list of it") {
    const Json document = {{"a", 3}, {"b", {1, 2}}, {"c", 1e-3}};
    const JsonObject json(document, "config.json");
    CHECK(positive(json, "a", 1) == 3);
    CHECK(positive(json, "none", 7) == 7);
    CHECK(positives(json, "a", {}, 9) == std::vector{3});
    CHECK(positives(json, "b", {}, 9) == std::vector{1, 2});
    CHECK(positives(json, "none", {4, 5, 6}, 9) == std::vector{4, 5, 6});
    CHECK(a_level(json, "a", 3, 1) == std::vector{3, 3, 3});
    CHECK(a_level(json, "b", 2, 1) == std::vector{1, 2});
    CHECK(a_level(json, "none", 2, 8) == std::vector{8, 8});
    CHECK(real(json, "c", 0) == 1e-3f);
    CHECK(real(json, "none", 0.5) == 0.5f);
}

TEST_CASE("a number out of range is refused with file, key, range and value") {
    CHECK(refusal(R"({"a": 0})", [](auto& j) { return positive(j, "a", 1, 9); }) ==
          "config.json: a: expected 1 to 9, found 0");
    CHECK(refusal(R"({"a": 10})", [](auto& j) { return positive(j, "a", 1, 9); }) ==
          "config.json: a: expected 1 to 9, found 10");
    CHECK(refusal(R"({"a": [1, 2, 3]})", [](auto& j) { return positives(j, "a", {}, 9, 2); }) ==
          "config.json: a: expected 1 to 2 numbers, found 3");
    CHECK(refusal(R"({"a": []})", [](auto& j) { return positives(j, "a", {}, 9, 2); }) ==
          "config.json: a: expected 1 to 2 numbers, found 0");
    CHECK(refusal(R"({"a": [1, -2]})", [](auto& j) { return positives(j, "a", {}, 9); }) ==
          "config.json: a: expected 1 to 9, found -2");
    CHECK(refusal(R"({"a": [1, 2]})", [](auto& j) { return a_level(j, "a", 3, 1); }) ==
          "config.json: a: expected 3 entries, found 2");
    CHECK(refusal(R"({"a": [1, 70000]})", [](auto& j) { return a_level(j, "a", 2, 1); }) ==
          "config.json: a: expected 1 to 65536, found 70000");
    CHECK(refusal(R"({"a": 1e39})", [](auto& j) {
              return real(j, "a", 1);
          }).starts_with("config.json: a: expected a number that single precision has"));
    CHECK(refusal(R"({"a": -0.5})", [](auto& j) { return epsilon(j, "a", 1); }) ==
          "config.json: a: expected 0 to 1, found -0.5");
    CHECK(refusal(R"([1])", [](auto& j) {
              return positive(j, "a", 1);
          }).starts_with("config.json: expected an object"));
}

TEST_CASE("a word that is not among those known is refused with all of them") {
    const auto read = [](auto& j) { return one_of(j, "a", {"x", "y"}); };
    CHECK(refusal(R"({"a": "z"})", read) == R"(config.json: a: expected "x" or "y", found "z")");
    const Json empty = Json::object();
    CHECK(take(parse_config(JsonObject(empty, "config.json"), read)) == "x");
}
