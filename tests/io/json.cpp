#include "runtime/io/json.h"

#include "tests/io/files.h"

using namespace kiln;

TEST_CASE("JSON is read as it is written") {
    auto document = take(
        parse_json(R"({"a":[1,-2,3.5,"x\u00e9",null,true],"b":{},"c":18446744073709551615})", "x"));
    CHECK(document.dump() == R"({"a":[1,-2,3.5,"xé",null,true],"b":{},"c":18446744073709551615})");
    CHECK(take(parse_json(" 3 ", "x")) == 3);
}

TEST_CASE("what is not JSON is refused with its line") {
    fails_with(parse_json("", "f.json"), "f.json:1: not JSON: unexpected end");
    fails_with(parse_json("{\n\"a\": 1,\n}", "f.json"), "f.json:3: not JSON: unexpected");
    fails_with(parse_json("[1,2", "f"), "f:1: not JSON");
    fails_with(parse_json("[1] x", "f"), "f:1: not JSON");
    fails_with(parse_json("{'a':1}", "f"), "f:1: not JSON");
    fails_with(parse_json("[NaN]", "f"), "f:1: not JSON");
    fails_with(parse_json("\"\xff\"", "f"), "f:1: invalid UTF-8");
    fails_with(parse_json(std::string_view("[1]\n\0[", 6), "f"), "f:2: not JSON: a zero byte");
    fails_with(parse_json("[1e999]", "f"), "f:1: not JSON");
    fails_with(parse_json("{\"a\":1,\"b\":2,\"a\":3}", "f"), "f: the key \"a\" stands twice");
    fails_with(parse_json(std::string(100, '['), "f"), "f: nested deeper than 64 levels");
    fails_with(parse_json("[1,2,3]", "f", {.bytes = 4}), "f: 7 bytes of JSON; at most 4 are read");
    CHECK(parse_json(std::string(64, '[') + std::string(64, ']'), "f").ok());
}

TEST_CASE("a JSON file's name begins its messages") {
    TemporaryFolder folder;
    CHECK(take(read_json(folder.with("a.json", "[1]"))).size() == 1);
    fails_with(read_json(folder.with("b.json", "\x89PNG")), "b.json:1: not JSON");
    fails_with(read_json(folder / "none.json"), "none.json: cannot be opened");
    fails_with(read_json(folder / "a.json", {.bytes = 2}), "a.json: the file has 3 bytes");
}

TEST_CASE("getters give values, defaults, or an error that names the key") {
    auto document = take(parse_json(R"({"i":4,"f":0.5,"whole":8.0,"b":true,)"
                                    R"("s":"text","list":[1,2],"names":["x","y"],"none":null,)"
                                    R"("o":{"k":1},"big":18446744073709551615})",
                                    "c"));
    JsonObject config(document, "unet/config.json");
    CHECK(take(config.integer("i")) == 4);
    CHECK(take(config.integer("whole")) == 8);
    CHECK(take(config.number("f")) == 0.5);
    CHECK(take(config.number("i")) == 4.0);
    CHECK(take(config.boolean("b")));
    CHECK(take(config.string("s")) == "text");
    CHECK(take(config.integers("list")) == std::vector<int64_t>{1, 2});
    CHECK(take(config.integers("i")) == std::vector<int64_t>{4});
    CHECK(take(config.numbers("f")) == std::vector<double>{0.5});
    CHECK(take(config.strings("names")).size() == 2);
    CHECK(take(config.integer("none", 7)) == 7);
    CHECK(take(config.string("missing", "d")) == "d");
    CHECK(take(config.strings("missing", std::vector<std::string>{})).empty());
    CHECK(!config.has("none"));
    CHECK(take(take(config.object("o")).integer("k")) == 1);
    CHECK(!take(config.object("missing")).has("k"));

    fails_with(config.integer("missing"),
               "unet/config.json: missing: expected a whole number, found nothing");
    fails_with(config.integer("f"), "unet/config.json: f: expected a whole number, found 0.5");
    fails_with(config.integer("big"), "big: expected a whole number, found 18446744073709551615");
    fails_with(config.number("s", 1.0), "unet/config.json: s: expected a number, found \"text\"");
    fails_with(config.boolean("i"), "i: expected true or false, found 4");
    fails_with(config.string("list"), "list: expected a string, found a list of 2");
    fails_with(config.integers("names"),
               "names: expected a list whose every item is a whole number, found \"x\"");
    fails_with(config.integers("s"), "found \"text\"");
    fails_with(config.strings("missing"), "found nothing");
    fails_with(config.object("i"), "unet/config.json: i: expected an object, found 4");
    fails_with(JsonObject(document["list"], "x").check(),
               "x: expected an object, found a list of 2");
    CHECK(config.error("k", "is odd").message == "unet/config.json: k: is odd");
}
