#include "runtime/io/json.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "runtime/io/file.h"
#include "runtime/io/magic.h"

namespace kiln {

using nlohmann::json;

namespace {

// Builds a document while it counts nesting and looks for keys that repeat, which nlohmann's own
// builder overwrites in silence.
class Builder : public nlohmann::json_sax<json> {
public:
    explicit Builder(int depth) : depth_(depth) {}
    json root;
    std::string fault;          // why parsing stopped
    std::optional<size_t> at;   // the byte where the syntax was wrong

    bool null() override { return put(nullptr); }
    bool boolean(bool v) override { return put(v); }
    bool number_integer(int64_t v) override { return put(v); }
    bool number_unsigned(uint64_t v) override { return put(v); }
    bool number_float(double v, const std::string&) override { return put(v); }
    bool string(std::string& v) override { return put(std::move(v)); }
    bool binary(json::binary_t&) override { return false; }
    bool start_object(size_t) override { return open(json::object()); }
    bool start_array(size_t) override { return open(json::array()); }
    bool end_object() override { return stack_.pop_back(), true; }
    bool end_array() override { return stack_.pop_back(), true; }

    bool key(std::string& name) override {
        auto [entry, added] = stack_.back()->get_ref<json::object_t&>().try_emplace(name, nullptr);
        if (!added)
            return fault = "the key " + in_quotes(name) + " stands twice in one object", false;
        member_ = &entry->second;
        return true;
    }

    bool parse_error(size_t position, const std::string& token, const json::exception& e) override {
        std::string what = e.what();
        at = position;
        bool text = what.find("UTF-8") != std::string::npos;
        fault = text ? "invalid UTF-8"
                     : "not JSON: unexpected " +
                           (token.empty() || token == "<EOF>" ? "end" : in_quotes(token, 40));
        return false;
    }

private:
    // The place of the next value; its parent is an array, an object whose key was read, or
    // nothing.
    json* put(json value, int) {
        if (stack_.empty()) return root = std::move(value), &root;
        if (stack_.back()->is_object()) return *member_ = std::move(value), member_;
        auto& items = stack_.back()->get_ref<json::array_t&>();
        items.push_back(std::move(value));
        return &items.back();
    }
    template <class T>
    bool put(T&& value) {
        put(json(std::forward<T>(value)), 0);
        return true;
    }
    bool open(json container) {
        if (int(stack_.size()) >= depth_)
            return fault = "nested deeper than " + std::to_string(depth_) + " levels", false;
        stack_.push_back(put(std::move(container), 0));
        return true;
    }

    int depth_;
    std::vector<json*> stack_;
    json* member_ = nullptr;
};

}   // namespace

Result<json> parse_json(std::string_view text, const std::string& where, JsonLimits limits) {
    if (text.size() > limits.bytes)
        return Error{Status::bad_file, where + ": " + std::to_string(text.size()) +
                                           " bytes of JSON; at most " +
                                           std::to_string(limits.bytes) + " are read"};
    Builder builder(limits.depth);
    if (size_t zero = text.find('\0'); zero != text.npos) {
        builder.at = zero;   // the parser would take it for the end and not see what follows
        builder.fault = "not JSON: a zero byte";
    } else if (json::sax_parse(text.begin(), text.end(), &builder)) {
        return std::move(builder.root);
    }
    std::string line;
    if (builder.at) {
        auto end = text.begin() + ptrdiff_t(std::min(*builder.at, text.size()));
        line = ":" + std::to_string(1 + std::count(text.begin(), end, '\n'));
    }
    return Error{Status::bad_file, where + line + ": " + builder.fault};
}

Result<json> read_json(const std::string& path, JsonLimits limits) {
    auto text = read_file(path, limits.bytes);
    if (!text) return text.error();
    return parse_json(*text, path, limits);
}

std::string describe(const json& value) {
    if (value.is_array()) return "a list of " + std::to_string(value.size());
    if (value.is_object()) return "an object";
    if (value.is_string()) return in_quotes(value.get_ref<const std::string&>(), 60);
    return value.dump();
}

JsonObject::JsonObject(const json& value, std::string where)
    : value_(&value), where_(std::move(where)) {}

Result<void> JsonObject::check() const {
    if (value_->is_object()) return {};
    return Error{Status::bad_file, where_ + ": expected an object, found " + describe(*value_)};
}

Error JsonObject::error(std::string_view key, std::string_view fact) const {
    return {Status::bad_file, where_ + ": " + std::string(key) + ": " + std::string(fact)};
}

const json* JsonObject::find(std::string_view key) const {
    if (!value_->is_object()) return nullptr;
    auto entry = value_->find(key);
    return entry == value_->end() || entry->is_null() ? nullptr : &*entry;
}

bool JsonObject::has(std::string_view key) const { return find(key) != nullptr; }

template <class T>
struct Kind;   // the name of a type in messages, and how a value of it is read
template <>
struct Kind<int64_t> {
    static constexpr std::string_view name = "a whole number";
    static std::optional<int64_t> read(const json& v) {
        if (v.is_number_unsigned() && v.get<uint64_t>() > uint64_t(INT64_MAX)) return {};
        if (v.is_number_integer()) return v.get<int64_t>();
        double x = v.is_number_float() ? v.get<double>() : 0.5;
        if (std::abs(x) < 0x1p53 && x == std::floor(x)) return int64_t(x);
        return {};
    }
};
template <>
struct Kind<double> {
    static constexpr std::string_view name = "a number";
    static std::optional<double> read(const json& v) {
        return v.is_number() ? std::optional(v.get<double>()) : std::nullopt;
    }
};
template <>
struct Kind<bool> {
    static constexpr std::string_view name = "true or false";
    static std::optional<bool> read(const json& v) {
        return v.is_boolean() ? std::optional(v.get<bool>()) : std::nullopt;
    }
};
template <>
struct Kind<std::string> {
    static constexpr std::string_view name = "a string";
    static std::optional<std::string> read(const json& v) {
        return v.is_string() ? std::optional(v.get<std::string>()) : std::nullopt;
    }
};

template <class T>
Result<T> JsonObject::get(std::string_view key, const std::optional<T>& otherwise) const {
    const json* found = find(key);
    std::string expected(Kind<T>::name);
    if (!found && otherwise) return T(*otherwise);
    if (!found) return error(key, "expected " + expected + ", found nothing");
    if (auto value = Kind<T>::read(*found)) return T(std::move(*value));
    return error(key, "expected " + expected + ", found " + describe(*found));
}

template <class T>
Result<std::vector<T>> JsonObject::list(std::string_view key,
                                        const std::optional<std::vector<T>>& otherwise) const {
    const json* found = find(key);
    std::string expected = "expected a list whose every item is " + std::string(Kind<T>::name);
    if (!found && otherwise) return std::vector<T>(*otherwise);
    if (!found) return error(key, expected + ", found nothing");
    std::vector<T> items;
    auto add = [&](const json& item) {
        auto value = Kind<T>::read(item);
        if (value) items.push_back(std::move(*value));
        return value.has_value();
    };
    if (!found->is_array() && add(*found)) return items;
    if (!found->is_array()) return error(key, expected + ", found " + describe(*found));
    for (const json& item : *found)
        if (!add(item)) return error(key, expected + ", found " + describe(item));
    return items;
}

Result<int64_t> JsonObject::integer(std::string_view key, std::optional<int64_t> otherwise) const {
    return get<int64_t>(key, otherwise);
}
Result<double> JsonObject::number(std::string_view key, std::optional<double> otherwise) const {
    return get<double>(key, otherwise);
}
Result<bool> JsonObject::boolean(std::string_view key, std::optional<bool> otherwise) const {
    return get<bool>(key, otherwise);
}
Result<std::string> JsonObject::string(std::string_view key,
                                       std::optional<std::string> otherwise) const {
    return get<std::string>(key, otherwise);
}
Result<std::vector<int64_t>> JsonObject::integers(
    std::string_view key, std::optional<std::vector<int64_t>> otherwise) const {
    return list<int64_t>(key, otherwise);
}
Result<std::vector<double>> JsonObject::numbers(
    std::string_view key, std::optional<std::vector<double>> otherwise) const {
    return list<double>(key, otherwise);
}
Result<std::vector<std::string>> JsonObject::strings(
    std::string_view key, std::optional<std::vector<std::string>> otherwise) const {
    return list<std::string>(key, otherwise);
}

Result<JsonObject> JsonObject::object(std::string_view key) const {
    static const json empty = json::object();
    const json* found = find(key);
    JsonObject inner(found ? *found : empty, where_ + ": " + std::string(key));
    if (auto checked = inner.check(); !checked) return checked.error();
    return inner;
}

}   // namespace kiln
