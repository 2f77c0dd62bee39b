#include "plugins/sdk/schema.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace kiln::sdk;

static Json schema_of(const char* properties, const char* more = "") {
    return Json::parse(std::string(R"({"type": "object", "properties": {)") + properties + "}" +
                       more + "}");
}

static std::string first(const Json& schema, const char* request) {
    auto found = problems(schema, Json::parse(request));
    return found.empty() ? "" : found[0].property + ": " + found[0].message;
}

TEST_CASE("a request is checked against its schema and told what is wrong") {
    struct Case {
        const char *properties, *request, *message;
    };
    auto c = GENERATE(
        Case{R"("n": {"type": "integer", "minimum": 1, "maximum": 9})", R"({"n": 1})", ""},
        Case{R"("n": {"type": "integer", "minimum": 1, "maximum": 9})", R"({"n": 9})", ""},
        Case{R"("n": {"type": "integer", "minimum": 1})", R"({"n": 0})",
             "n: 0 is below the minimum of 1"},
        Case{R"("n": {"type": "integer", "maximum": 9})", R"({"n": 10})",
             "n: 10 is above the maximum of 9"},
        Case{R"("n": {"type": "integer"})", R"({"n": 2.5})", "n: 2.5 is not an integer"},
        Case{R"("n": {"type": "integer"})", R"({"n": 2.0})", ""},
        Case{R"("n": {"type": "integer"})", R"({"n": "2"})", "n: \"2\" is not an integer"},
        Case{R"("x": {"type": "number", "exclusiveMinimum": 0})", R"({"x": 0})",
             "x: 0 is not above 0"},
        Case{R"("x": {"type": "number", "exclusiveMaximum": 1})", R"({"x": 1.0})",
             "x: 1.0 is not below 1"},
        Case{R"("n": {"type": "integer", "multipleOf": 8})", R"({"n": 65})",
             "n: 65 is no multiple of 8; the nearest are 64 and 72"},
        Case{R"("s": {"type": "string", "enum": ["a", "b"]})", R"({"s": "c"})",
             "s: c is none of: a, b"},
        Case{R"("s": {"type": "string", "minLength": 1})", R"({"s": ""})", "s: must not be empty"},
        Case{R"("s": {"type": "string", "maxLength": 2})", R"({"s": "äöü"})",
             "s: takes at most 2 characters"},
        Case{R"("s": {"type": "string", "maxLength": 3})", R"({"s": "äöü"})", ""},
        Case{R"("a": {"type": "array", "items": {"type": "integer"}})", R"({"a": [1, "x"]})",
             "a: \"x\" is not an integer"},
        Case{R"("a": {"type": "array", "items": {"type": "integer"}, "maxItems": 1})",
             R"({"a": [1, 2]})", "a: takes at most 1 values"},
        Case{R"("b": {"type": "boolean"})", R"({"b": 1})", "b: 1 is not a boolean"},
        Case{R"("n": {"type": ["integer", "null"]})", R"({"n": null})", ""},
        Case{R"("n": {"type": "integer"})", R"({"m": 1})", "m: is not known"});
    CAPTURE(c.properties, c.request);
    CHECK(first(schema_of(c.properties), c.request) == c.message);
}

TEST_CASE("64-bit seeds are compared exactly") {
    Json schema =
        schema_of(R"("seed": {"type": "integer", "minimum": 0, "maximum": 18446744073709551615})");
    CHECK(first(schema, R"({"seed": 18446744073709551615})").empty());
    CHECK(first(schema, R"({"seed": 18446744073709551616})") != "");
    CHECK(first(schema, R"({"seed": -1})") == "seed: -1 is below the minimum of 0");
}

TEST_CASE("what is required must be there") {
    Json schema = schema_of(R"("p": {"type": "string"})", R"(, "required": ["p"])");
    CHECK(first(schema, "{}") == "p: is required");
    CHECK(first(schema, R"({"p": ""})").empty());
    CHECK(first(schema, "[]") == ": a request is a JSON object, not []");
}

TEST_CASE("defaults fill what is left out and nothing else") {
    Json schema = schema_of(
        R"("a": {"type": "integer", "default": 3}, "b": {"type": "integer", "default": 4},
           "c": {"type": "integer"})");
    CHECK(with_defaults(schema, Json::parse(R"({"a": 1})")) == Json::parse(R"({"a": 1, "b": 4})"));
}

TEST_CASE("typed text becomes a value of the property's type") {
    Json integer = {{"type", "integer"}}, number = {{"type", "number"}},
         boolean = {{"type", "boolean"}};
    CHECK(from_text(integer, "42") == 42);
    CHECK(from_text(integer, "18446744073709551615") == 18446744073709551615u);
    CHECK(from_text(integer, "4x") == "4x");
    CHECK(from_text(integer, "") == "");
    CHECK(from_text(number, "7.5") == 7.5);
    CHECK(from_text(number, "-1e3") == -1000.0);
    CHECK(from_text(boolean, "true") == true);
    CHECK(from_text({{"type", "string"}}, "42") == "42");
}

TEST_CASE("a schema that cannot be used is told from one that can") {
    struct Case {
        const char *properties, *defect;
    };
    auto c = GENERATE(
        Case{R"("a": {"type": "integer", "default": 1})", ""},
        Case{R"("a": {"type": "integer", "default": "x"})",
             "\"a\" default: \"x\" is not an integer"},
        Case{R"("a": {"type": "tensor"})", "\"a\" has the unknown type \"tensor\""},
        Case{R"("a": {})", "\"a\" has no type"},
        Case{R"("a": {"type": "integer", "minimun": 1})",
             "\"a\" has the unknown keyword \"minimun\""},
        Case{R"("a": {"type": "array"})", "\"a\" is an array without items"},
        Case{R"("a_b": {"type": "integer"}, "x": {"type": "integer", "flag": "a-b"})",
             "two properties have the flag --a-b"},
        Case{R"("a": {"type": "integer", "short": "s"}, "b": {"type": "integer", "short": "s"})",
             "two properties have the flag -s"});
    CAPTURE(c.properties);
    CHECK(schema_defect(schema_of(c.properties)) == c.defect);
    CHECK(schema_defect(Json::parse("[]")) == "it is not of type object");
    CHECK(schema_defect(schema_of(R"("a": {"type": "integer"})", R"(, "required": ["b"])")) ==
          "it requires \"b\", which is no property");
}
