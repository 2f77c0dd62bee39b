#include "apps/kiln/flags.h"

#include <algorithm>

#include "plugins/sdk/schema.h"
#include "runtime/io/file.h"

namespace kiln::app {

using sdk::Failure;
using sdk::Json;

std::string flag_name(const std::string& property, const Json& schema) {
    std::string name = property;
    if (schema.value("positional", false)) {
        for (char& c : name) c = char(std::toupper(static_cast<unsigned char>(c)));
        return name;
    }
    name = schema.value("flag", property);
    std::replace(name.begin(), name.end(), '_', '-');
    return "--" + name;
}

static bool is_type(const Json& schema, const char* type) {
    const Json t = schema.value("type", Json());
    return t == type || (t.is_array() && std::find(t.begin(), t.end(), type) != t.end());
}

static bool is_file(const Json& schema) {
    return schema.contains("contentMediaType") ||
           (schema.contains("items") && schema["items"].contains("contentMediaType"));
}

static std::string metavar(const Json& schema) {
    if (schema.contains("metavar")) return schema["metavar"];
    if (is_file(schema)) return "FILE";
    if (is_type(schema, "array")) return metavar(schema["items"]);
    if (schema.value("format", "") == "path") return "PATH";
    return is_type(schema, "integer") ? "INT" : is_type(schema, "number") ? "NUMBER" : "TEXT";
}

static std::string help(const Json& schema) {
    std::string text = schema.value("description", "");
    if (is_type(schema, "boolean")) return text;
    std::string facts = sdk::accepted(schema);
    if (facts == "string" || is_file(schema)) facts.clear();
    if (is_type(schema, "array")) facts += facts.empty() ? "repeatable" : "; repeatable";
    if (schema.contains("default") && schema["default"] != "" && !schema["default"].is_array()) {
        const Json& d = schema["default"];
        facts += (facts.empty() ? "" : "; ") +
                 ("default " + (d.is_string() ? d.get<std::string>() : d.dump()));
    }
    return facts.empty() ? text : text + " (" + facts + ")";
}

Flags::Flags(CLI::App& command, const Json& schema) : schema_(schema) {
    const Json required = schema.value("required", Json::array());
    for (const auto& [property, s] : schema["properties"].items()) {
        Flag& flag = flags_.emplace_back(Flag{property, s, nullptr, nullptr, {}});
        std::string name = flag_name(property, s), group = s.value("group", "Options");
        std::string names =
            s.contains("short") ? "-" + s["short"].get<std::string>() + "," + name : name;
        if (is_type(s, "boolean")) {   // the help shows the one that changes something
            bool on = s.value("default", false);
            flag.option = command.add_flag(names)->description(help(s))->group(on ? "" : group);
            flag.opposite = command.add_flag("--no-" + name.substr(2))
                                ->description(help(s))
                                ->group(on ? group : "");
            continue;
        }
        flag.option = command.add_option(names, flag.values, help(s))->type_name(metavar(s));
        if (s.value("positional", false)) {
            flag.option->option_text(" ");
            flag.option->required(std::find(required.begin(), required.end(), property) !=
                                  required.end());
            continue;
        }
        flag.option->group(group);
        if (is_type(s, "array")) {
            flag.option->allow_extra_args(false);   // --lora A --lora B, not --lora A B
        } else {
            flag.option->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
            flag.option->allow_extra_args(false);   // what follows may be the prompt
        }
    }
}

static sdk::HostBlob read_blob(const std::string& name, const std::string& path) {
    auto bytes = read_file(path);
    if (!bytes) throw Failure(kiln_status(int(bytes.error().status)), bytes.error().message);
    auto span = as_bytes(*bytes);
    return {name, path, {span.begin(), span.end()}};
}

Json Flags::value_of(const Flag& flag, std::vector<sdk::HostBlob>& blobs) const {
    if (is_type(flag.schema, "boolean")) return flag.opposite->count() == 0;
    bool array = is_type(flag.schema, "array"), file = is_file(flag.schema);
    Json list = Json::array();
    for (size_t i = 0; i < flag.values.size(); i++) {
        if (file) {
            std::string name = array ? flag.property + "." + std::to_string(i) : flag.property;
            blobs.push_back(read_blob(name, flag.values[i]));
            list.push_back(name);
        } else {
            list.push_back(
                sdk::from_text(array ? flag.schema["items"] : flag.schema, flag.values[i]));
        }
    }
    if (!array && list.size() > 1)
        throw Failure(KILN_USAGE,
                      "unexpected \"" + flag.values[1] + "\"; several words stand in quotes");
    return array ? list : list.at(0);
}

Filled Flags::fill() const {
    Filled filled{Json::object(), {}};
    for (const Flag& flag : flags_)
        if (flag.option->count() > 0 || (flag.opposite && flag.opposite->count() > 0))
            filled.request[flag.property] = value_of(flag, filled.blobs);
    std::string wrong;
    for (const auto& problem : sdk::problems(schema_, filled.request)) {
        std::string name =
            problem.property.empty()
                ? ""
                : flag_name(problem.property, schema_["properties"][problem.property]);
        wrong += (wrong.empty() ? "" : "\nkiln: ") + name + ": " + problem.message;
    }
    if (!wrong.empty()) throw Failure(KILN_USAGE, wrong);
    filled.request = sdk::with_defaults(schema_, filled.request);
    return filled;
}

}   // namespace kiln::app
