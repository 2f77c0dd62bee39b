// Requests against their JSON Schema (json-schema.org, draft 2020-12, sections 6 and 10 of the
// validation vocabulary): the subset that plugin.h lists, with messages for users.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kiln::sdk {

using Json = nlohmann::ordered_json;

struct Problem {
    std::string property;   // of the request, "" for the request itself
    std::string message;    // reads on after the property's name: "0 is below the minimum of 1"
};

// Everything that is wrong with a request; empty if it may run.
std::vector<Problem> problems(const Json& schema, const Json& request);

// The request with the schema's defaults for what it leaves out.
Json with_defaults(const Json& schema, Json request);

// A value typed by a person, as the property's type has it: "7.5" becomes 7.5 where a number is
// wanted. Text that is no such value comes back as a string, for problems() to name.
Json from_text(const Json& property_schema, const std::string& text);

// Why a schema cannot be used (an unknown keyword, a default that breaks its own rules, a flag
// given twice), or "" if it can.
std::string schema_defect(const Json& schema);

// What the property accepts, in words: "integer from 1 to 1000", "one of: ddim, euler".
std::string accepted(const Json& property_schema);

}   // namespace kiln::sdk
