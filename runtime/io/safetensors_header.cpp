#include "runtime/io/safetensors_header.h"

#include <array>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "runtime/io/magic.h"

namespace kiln {

using nlohmann::json;

struct StoredType {
    std::string_view name;
    int bits;
    std::optional<DType> dtype;
};

static constexpr std::array kStoredTypes = {
    StoredType{"F32", 32, DType::f32},
    StoredType{"F16", 16, DType::f16},
    StoredType{"BF16", 16, DType::bf16},
    StoredType{"F8_E4M3", 8, DType::f8_e4m3},
    StoredType{"F8_E5M2", 8, DType::f8_e5m2},
    StoredType{"F64", 64, DType::f64},
    StoredType{"I64", 64, DType::i64},
    StoredType{"I32", 32, DType::i32},
    StoredType{"I16", 16, DType::i16},
    StoredType{"I8", 8, DType::i8},
    StoredType{"U64", 64, DType::u64},
    StoredType{"U32", 32, DType::u32},
    StoredType{"U16", 16, DType::u16},
    StoredType{"U8", 8, DType::u8},
    StoredType{"BOOL", 8, DType::boolean},
    StoredType{"C64", 64, {}},
    StoredType{"F8_E8M0", 8, {}},
    StoredType{"F8_E4M3FNUZ", 8, {}},
    StoredType{"F8_E5M2FNUZ", 8, {}},
    StoredType{"F6_E2M3", 6, {}},
    StoredType{"F6_E3M2", 6, {}},
    StoredType{"F4", 4, {}},
};

static const StoredType* stored_type(std::string_view name) {
    for (const StoredType& type : kStoredTypes)
        if (type.name == name) return &type;
    return nullptr;
}

int bits_of_stored_type(std::string_view name) {
    const StoredType* type = stored_type(name);
    return type ? type->bits : 0;
}

std::optional<DType> dtype_of_stored_type(std::string_view name) {
    const StoredType* type = stored_type(name);
    return type ? type->dtype : std::nullopt;
}

std::string_view safetensors_name(DType dtype) {
    for (const StoredType& type : kStoredTypes)
        if (type.dtype == dtype) return type.name;
    ensure(false, "a type that safetensors can store");
    return {};
}

namespace {

// The grammar of the header as a machine with one state a place: any other event is a fault.
class HeaderReader : public nlohmann::json_sax<json> {
public:
    SafetensorsHeader header;
    std::string fault;

    bool start_object(size_t) override {
        if (place_ == Place::start) return enter(Place::entries);
        if (place_ == Place::entry_value && in_metadata_) return enter(Place::metadata);
        if (place_ == Place::entry_value) return enter(Place::tensor);
        return unexpected("an object");
    }
    bool end_object() override {
        if (place_ == Place::tensor && !finish_tensor()) return false;
        return enter(place_ == Place::entries ? Place::done : Place::entries);
    }
    bool start_array(size_t) override {
        if (place_ == Place::shape_value) return enter(Place::shape);
        if (place_ == Place::offsets_value) return enter(Place::offsets);
        return unexpected("a list");
    }
    bool end_array() override { return enter(Place::tensor); }

    bool key(std::string& name) override {
        if (place_ == Place::entries) return entry(name);
        if (place_ == Place::metadata) {
            metadata_key_ = name;
            bool added = header.metadata.try_emplace(name).second;
            return added ? enter(Place::metadata_value) : twice(name);
        }
        if (name == "dtype") return !has_dtype_ ? enter(Place::dtype_value) : twice(name);
        if (name == "shape") return !has_shape_ ? enter(Place::shape_value) : twice(name);
        if (name == "data_offsets")
            return !has_offsets_ ? enter(Place::offsets_value) : twice(name);
        return stop("unknown key " + in_quotes(name));
    }

    bool string(std::string& value) override {
        if (place_ == Place::metadata_value) {
            header.metadata[metadata_key_] = std::move(value);
            return enter(Place::metadata);
        }
        if (place_ != Place::dtype_value) return unexpected(in_quotes(value));
        const StoredType* type = stored_type(value);
        if (!type) return stop("unknown dtype " + in_quotes(value));
        header.tensors.back().stored_type = value;
        header.tensors.back().dtype = type->dtype;
        has_dtype_ = true;
        return enter(Place::tensor);
    }

    bool number_unsigned(uint64_t value) override {
        if (place_ == Place::shape) {
            auto& dims = header.tensors.back().shape.dims;
            if (value > uint64_t(INT64_MAX))
                return stop("extent " + std::to_string(value) + " overflows");
            if (dims.size() == kMaxRank) return stop("more than 64 dimensions");
            has_shape_ = true;
            return dims.push_back(int64_t(value)), true;
        }
        if (place_ != Place::offsets) return unexpected(std::to_string(value));
        TensorInfo& tensor = header.tensors.back();
        if (offsets_ == 2) return stop("data_offsets: expected 2 numbers, found more");
        (offsets_++ == 0 ? tensor.begin : tensor.end) = value;
        return true;
    }
    bool number_integer(int64_t value) override { return unexpected(std::to_string(value)); }
    bool number_float(double, const std::string& text) override { return unexpected(text); }
    bool boolean(bool value) override { return unexpected(value ? "true" : "false"); }
    bool null() override { return unexpected("null"); }
    bool binary(json::binary_t&) override { return unexpected("bytes"); }

    bool parse_error(size_t at, const std::string&, const json::exception& e) override {
        bool utf8 = std::string_view(e.what()).find("UTF-8") != std::string_view::npos;
        fault = std::string("the header is not JSON: ") +
                (utf8 ? "invalid UTF-8" : "syntax error") + " at byte " + std::to_string(at);
        return false;
    }

private:
    enum class Place {
        start,
        entries,
        entry_value,
        metadata,
        metadata_value,
        tensor,
        dtype_value,
        shape_value,
        shape,
        offsets_value,
        offsets,
        done
    };
    static constexpr size_t kMaxRank = 64;

    bool enter(Place place) {
        if (place == Place::shape) has_shape_ = true;
        if (place == Place::offsets) has_offsets_ = true;
        place_ = place;
        return true;
    }
    bool entry(std::string& name) {
        in_metadata_ = name == "__metadata__";
        if (in_metadata_ && std::exchange(has_metadata_, true)) return twice(name);
        if (!in_metadata_) {
            if (!names_.insert(name).second) return twice(name);
            header.tensors.emplace_back().name = std::move(name);
            has_dtype_ = has_shape_ = has_offsets_ = false;
            offsets_ = 0;
        }
        return enter(Place::entry_value);
    }
    bool finish_tensor() {
        if (!has_dtype_) return stop("dtype is missing");
        if (!has_shape_) return stop("shape is missing");
        if (!has_offsets_) return stop("data_offsets is missing");
        if (offsets_ != 2)
            return stop("data_offsets: expected 2 numbers, found " + std::to_string(offsets_));
        return true;
    }

    std::string_view expected() const {
        switch (place_) {
            case Place::start:
            case Place::entries:
            case Place::done: return "an object";
            case Place::entry_value: return "an object";
            case Place::metadata:
            case Place::metadata_value: return "a string";
            case Place::dtype_value: return "dtype: a string";
            case Place::shape_value: return "shape: a list of whole numbers";
            case Place::shape: return "shape: whole numbers from 0";
            case Place::offsets_value: return "data_offsets: a list of two whole numbers";
            case Place::offsets: return "data_offsets: whole numbers from 0";
            case Place::tensor: return "a key";
        }
        return {};
    }
    bool unexpected(const std::string& found) {
        return stop("expected " + std::string(expected()) + ", found " + found);
    }
    bool twice(const std::string& name) {
        return stop("the key " + in_quotes(name) + " stands twice");
    }
    bool stop(std::string why) {
        bool outside = place_ == Place::start || place_ == Place::entries;
        std::string of = outside ? "header" : in_metadata_ ? "__metadata__" : "";
        if (of.empty()) of = "tensor " + in_quotes(header.tensors.back().name);
        fault = of + ": " + why;
        return false;
    }

    Place place_ = Place::start;
    bool in_metadata_ = false, has_metadata_ = false;
    bool has_dtype_ = false, has_shape_ = false, has_offsets_ = false;
    int offsets_ = 0;
    std::string metadata_key_;
    std::unordered_set<std::string> names_;
};

}   // namespace

Result<SafetensorsHeader> parse_safetensors_header(std::string_view text,
                                                   const std::string& where) {
    // The parser takes a zero byte for the end and would not see what follows.
    if (size_t zero = text.find('\0'); zero != text.npos)
        return Error{Status::bad_file, where + ": the header is not JSON: a zero byte at byte " +
                                           std::to_string(zero)};
    HeaderReader reader;
    if (json::sax_parse(text.begin(), text.end(), &reader)) return std::move(reader.header);
    return Error{Status::bad_file, where + ": " + reader.fault};
}

}   // namespace kiln
