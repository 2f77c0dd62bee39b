#include "plugins/sdk/schema.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

namespace kiln::sdk {

static std::vector<std::string> types_of(const Json& schema) {
    if (!schema.contains("type")) return {};
    if (schema["type"].is_string()) return {schema["type"].get<std::string>()};
    return schema["type"].get<std::vector<std::string>>();
}

static bool has_type(const Json& schema, const std::string& type) {
    auto types = types_of(schema);
    return std::find(types.begin(), types.end(), type) != types.end();
}

static bool is_whole(const Json& value) {
    if (value.is_number_integer()) return true;
    if (!value.is_number_float()) return false;
    double v = value.get<double>();
    return std::fabs(v) <= 9007199254740992.0 &&
           v == std::floor(v);   // 2^53: beyond, digits are lost
}

static bool is_a(const Json& value, const std::string& type) {
    if (type == "string") return value.is_string();
    if (type == "integer") return is_whole(value);
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_boolean();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return type == "null" && value.is_null();
}

static std::string in_words(const std::vector<std::string>& types) {
    std::string words;
    for (const std::string& type : types) {
        if (type == "null") continue;
        bool vowel = type == "integer" || type == "array" || type == "object";
        words += (words.empty() ? "" : " or ") + std::string(vowel ? "an " : "a ") + type;
    }
    return words.empty() ? "null" : words;
}

static std::string joined(const Json& values) {
    std::string text;
    for (const Json& v : values)
        text += (text.empty() ? "" : ", ") + (v.is_string() ? v.get<std::string>() : v.dump());
    return text;
}

static size_t code_points(const std::string& text) {
    return size_t(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

// Exact for 64-bit integers of either sign, which neither a double nor Json's own operator< is.
static int compare(const Json& a, const Json& b) {
    auto order = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
    if (!a.is_number_integer() || !b.is_number_integer())
        return order(a.get<double>(), b.get<double>());
    auto negative = [](const Json& v) { return !v.is_number_unsigned() && v.get<int64_t>() < 0; };
    if (negative(a) != negative(b)) return negative(a) ? -1 : 1;
    if (negative(a)) return order(a.get<int64_t>(), b.get<int64_t>());
    return order(a.get<uint64_t>(), b.get<uint64_t>());
}

static std::string number_problem(const Json& s, const Json& v) {
    if (v.is_number_float() && !std::isfinite(v.get<double>())) return "is not a finite number";
    if (s.contains("minimum") && compare(v, s["minimum"]) < 0)
        return v.dump() + " is below the minimum of " + s["minimum"].dump();
    if (s.contains("maximum") && compare(v, s["maximum"]) > 0)
        return v.dump() + " is above the maximum of " + s["maximum"].dump();
    if (s.contains("exclusiveMinimum") && compare(v, s["exclusiveMinimum"]) <= 0)
        return v.dump() + " is not above " + s["exclusiveMinimum"].dump();
    if (s.contains("exclusiveMaximum") && compare(v, s["exclusiveMaximum"]) >= 0)
        return v.dump() + " is not below " + s["exclusiveMaximum"].dump();
    if (s.contains("multipleOf")) {
        double unit = s["multipleOf"].get<double>(), times = v.get<double>() / unit;
        if (std::fabs(times - std::round(times)) > 1e-9) {
            Json below = s["multipleOf"].is_number_integer()
                             ? Json(int64_t(std::floor(times) * unit))
                             : Json(std::floor(times) * unit);
            Json above = s["multipleOf"].is_number_integer()
                             ? Json(int64_t(std::ceil(times) * unit))
                             : Json(std::ceil(times) * unit);
            return v.dump() + " is no multiple of " + s["multipleOf"].dump() +
                   "; the nearest are " + below.dump() + " and " + above.dump();
        }
    }
    return {};
}

static std::string length_problem(const Json& s, size_t length, const char* least, const char* most,
                                  const char* unit) {
    if (s.contains(least) && length < s[least].get<size_t>())
        return s[least] == 1 && length == 0 ? "must not be empty"
                                            : "needs at least " + s[least].dump() + " " + unit;
    if (s.contains(most) && length > s[most].get<size_t>())
        return "takes at most " + s[most].dump() + " " + unit;
    return {};
}

// What is wrong with one value, or "".
static std::string value_problem(const Json& s, const Json& v) {
    auto types = types_of(s);
    if (!types.empty() &&
        std::none_of(types.begin(), types.end(), [&](auto& t) { return is_a(v, t); }))
        return v.dump() + " is not " + in_words(types);
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end())
        return (v.is_string() ? v.get<std::string>() : v.dump()) +
               " is none of: " + joined(s["enum"]);
    if (v.is_number()) return number_problem(s, v);
    if (v.is_string())
        return length_problem(s, code_points(v.get_ref<const std::string&>()), "minLength",
                              "maxLength", "characters");
    if (!v.is_array()) return {};
    if (auto why = length_problem(s, v.size(), "minItems", "maxItems", "values"); !why.empty())
        return why;
    if (s.contains("items"))
        for (const Json& item : v)
            if (auto why = value_problem(s["items"], item); !why.empty()) return why;
    return {};
}

std::vector<Problem> problems(const Json& schema, const Json& request) {
    if (!request.is_object()) return {{"", "a request is a JSON object, not " + request.dump()}};
    std::vector<Problem> found;
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, value] : request.items()) {
        if (properties.contains(name)) {
            if (auto why = value_problem(properties[name], value); !why.empty())
                found.push_back({name, why});
        } else if (schema.value("additionalProperties", Json(false)) == Json(false)) {
            found.push_back({name, "is not known"});
        }
    }
    for (const Json& name : schema.value("required", Json::array()))
        if (!request.contains(name.get<std::string>())) found.push_back({name, "is required"});
    return found;
}

Json with_defaults(const Json& schema, Json request) {
    const Json properties = schema.value("properties", Json::object());
    for (const auto& [name, property] : properties.items())
        if (property.contains("default") && !request.contains(name))
            request[name] = property["default"];
    return request;
}

Json from_text(const Json& s, const std::string& text) {
    const char *begin = text.data(), *end = begin + text.size();
    if (has_type(s, "integer")) {
        int64_t integer;
        uint64_t natural;
        if (auto r = std::from_chars(begin, end, integer); r.ec == std::errc() && r.ptr == end)
            return integer;
        if (auto r = std::from_chars(begin, end, natural); r.ec == std::errc() && r.ptr == end)
            return natural;
    }
    if (has_type(s, "number")) {
        double number;
        if (auto r = std::from_chars(begin, end, number); r.ec == std::errc() && r.ptr == end)
            return number;
    }
    if (has_type(s, "boolean")) {
        if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
        if (text == "false" || text == "no" || text == "off" || text == "0") return false;
    }
    return text;
}

// What is wrong with a property's own schema, or "".
static std::string property_defect(const Json& s) {
    static const std::set<std::string> known = {"type",
                                                "items",
                                                "default",
                                                "enum",
                                                "minimum",
                                                "maximum",
                                                "exclusiveMinimum",
                                                "exclusiveMaximum",
                                                "multipleOf",
                                                "minLength",
                                                "maxLength",
                                                "minItems",
                                                "maxItems",
                                                "title",
                                                "description",
                                                "group",
                                                "short",
                                                "flag",
                                                "positional",
                                                "metavar",
                                                "contentMediaType",
                                                "format",
                                                "examples"};
    static const std::set<std::string> known_types = {"string",  "integer", "number",
                                                      "boolean", "array",   "null"};
    if (!s.is_object()) return "is not an object";
    for (const auto& [key, value] : s.items())
        if (!known.count(key)) return "has the unknown keyword \"" + key + '"';
    if (!s.contains("type")) return "has no type";
    for (const std::string& type : types_of(s))
        if (!known_types.count(type)) return "has the unknown type \"" + type + '"';
    if (has_type(s, "array") && !s.contains("items")) return "is an array without items";
    if (s.contains("items"))
        if (auto why = property_defect(s["items"]); !why.empty()) return "items " + why;
    if (s.contains("default"))
        if (auto why = value_problem(s, s["default"]); !why.empty()) return "default: " + why;
    return {};
}

std::string schema_defect(const Json& schema) try {
    if (!schema.is_object() || schema.value("type", "") != "object")
        return "it is not of type object";
    if (!schema.contains("properties") || !schema["properties"].is_object())
        return "it has no properties";
    std::set<std::string> flags;
    for (const auto& [name, property] : schema["properties"].items()) {
        if (auto why = property_defect(property); !why.empty()) return '"' + name + "\" " + why;
        std::string flag = property.value("flag", name), letter = property.value("short", "");
        std::replace(flag.begin(), flag.end(), '_', '-');
        if (!flags.insert("--" + flag).second) return "two properties have the flag --" + flag;
        if (letter.size() > 1) return '"' + name + "\" has a short flag of more than one letter";
        if (!letter.empty() && !flags.insert("-" + letter).second)
            return "two properties have the flag -" + letter;
    }
    for (const Json& name : schema.value("required", Json::array()))
        if (!schema["properties"].contains(name.get<std::string>()))
            return "it requires " + name.dump() + ", which is no property";
    return {};
} catch (const Json::exception& e) {
    return e.what();
}

std::string accepted(const Json& s) {
    if (has_type(s, "array")) return accepted(s.value("items", Json::object()));
    if (s.contains("enum")) return "one of: " + joined(s["enum"]);
    std::string text;
    for (const std::string& type : types_of(s))
        if (type != "null") text += (text.empty() ? "" : " or ") + type;
    if (s.contains("minimum") && s.contains("maximum"))
        return text + " from " + s["minimum"].dump() + " to " + s["maximum"].dump();
    if (s.contains("minimum")) return text + " from " + s["minimum"].dump();
    if (s.contains("exclusiveMinimum")) return text + " above " + s["exclusiveMinimum"].dump();
    if (s.contains("maximum")) return text + " up to " + s["maximum"].dump();
    return text;
}

}   // namespace kiln::sdk
