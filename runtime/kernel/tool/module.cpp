#include "runtime/kernel/tool/module.h"

#include <spirv_cross/spirv_cross_c.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstring>
#include <span>
#include <stdexcept>

namespace kiln::reflect {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return char(std::tolower(c)); });
    return text;
}

// Owns the SPIRV-Cross context; every handle lives as long as it does.
class Reflector {
public:
    explicit Reflector(const std::vector<uint32_t>& spirv) {
        if (spvc_context_create(&context_) != SPVC_SUCCESS) fail("no SPIRV-Cross context");
        spvc_parsed_ir ir = nullptr;
        check(spvc_context_parse_spirv(context_, spirv.data(), spirv.size(), &ir));
        check(spvc_context_create_compiler(context_, SPVC_BACKEND_NONE, ir, SPVC_CAPTURE_MODE_COPY,
                                           &compiler_));
        check(spvc_compiler_create_shader_resources(compiler_, &resources_));
    }
    ~Reflector() { spvc_context_destroy(context_); }
    Reflector(const Reflector&) = delete;
    Reflector& operator=(const Reflector&) = delete;

    std::vector<Binding> bindings() {
        std::vector<std::pair<uint32_t, Binding>> found;
        for (const auto& resource : list(SPVC_RESOURCE_TYPE_STORAGE_BUFFER))
            found.emplace_back(slot(resource),
                               Binding{lower(resource.name), access(resource.id), false});
        for (const auto& resource : list(SPVC_RESOURCE_TYPE_SAMPLED_IMAGE)) {
            if (spvc_type_get_image_dimension(type(resource.type_id)) != SpvDimBuffer)
                fail(std::string(resource.name) + ": the only images are samplerBuffer");
            found.emplace_back(slot(resource), Binding{lower(resource.name), "Read", true});
        }
        std::sort(found.begin(), found.end(),
                  [](const auto& a, const auto& b) { return a.first < b.first; });
        std::vector<Binding> bindings;
        for (const auto& [number, binding] : found) {
            if (number != bindings.size()) fail(binding.name + ": bindings must be 0, 1, 2, ...");
            bindings.push_back(binding);
        }
        return bindings;
    }

    std::vector<Field> args() {
        std::vector<Field> fields;
        uint32_t end = 0;
        for (const auto& block : list(SPVC_RESOURCE_TYPE_PUSH_CONSTANT)) {
            spvc_type type = this->type(block.base_type_id);
            for (uint32_t i = 0; i < spvc_type_get_num_member_types(type); i++) {
                Field field = this->field(block.base_type_id, type, i);
                if (field.offset != end)
                    fail(field.name + ": a hole before it in the push constants");
                end = field.offset + field.size;
                fields.push_back(field);
            }
        }
        if (end > 128) fail("more than 128 bytes of push constants");
        return fields;
    }

    std::vector<Constant> constants() {
        spvc_specialization_constant local[3];
        spvc_compiler_get_work_group_size_specialization_constants(compiler_, &local[0], &local[1],
                                                                   &local[2]);
        const spvc_specialization_constant* found = nullptr;
        size_t count = 0;
        check(spvc_compiler_get_specialization_constants(compiler_, &found, &count));
        std::vector<Constant> constants;
        for (size_t i = 0; i < count; i++) {
            std::string name = spvc_compiler_get_name(compiler_, found[i].id);
            for (int axis = 0; axis < 3; axis++)
                if (local[axis].id == found[i].id) name = std::string("local_") + "xyz"[axis];
            constants.push_back(constant(found[i], lower(name)));
        }
        std::sort(constants.begin(), constants.end(),
                  [](const auto& a, const auto& b) { return a.id < b.id; });
        return constants;
    }

private:
    void check(spvc_result result) {
        if (result != SPVC_SUCCESS) fail(spvc_context_get_last_error_string(context_));
    }

    std::span<const spvc_reflected_resource> list(spvc_resource_type kind) {
        const spvc_reflected_resource* found = nullptr;
        size_t count = 0;
        check(spvc_resources_get_resource_list_for_type(resources_, kind, &found, &count));
        return {found, count};
    }

    spvc_type type(spvc_type_id id) { return spvc_compiler_get_type_handle(compiler_, id); }

    uint32_t slot(const spvc_reflected_resource& resource) {
        if (spvc_compiler_get_decoration(compiler_, resource.id, SpvDecorationDescriptorSet) != 0)
            fail(std::string(resource.name) + ": only descriptor set 0");
        return spvc_compiler_get_decoration(compiler_, resource.id, SpvDecorationBinding);
    }

    std::string access(spvc_variable_id id) {
        const SpvDecoration* decorations = nullptr;
        size_t count = 0;
        check(spvc_compiler_get_buffer_block_decorations(compiler_, id, &decorations, &count));
        for (SpvDecoration decoration : std::span(decorations, count)) {
            if (decoration == SpvDecorationNonWritable) return "Read";
            if (decoration == SpvDecorationNonReadable) return "Write";
        }
        return "ReadWrite";
    }

    Field field(spvc_type_id struct_id, spvc_type structure, uint32_t index) {
        Field field;
        field.name = spvc_compiler_get_member_name(compiler_, struct_id, index);
        spvc_type type = this->type(spvc_type_get_member_type(structure, index));
        uint32_t count = spvc_type_get_vector_size(type);
        if (spvc_type_get_columns(type) != 1)
            fail(field.name + ": no matrices in the push constants");
        if (uint32_t axes = spvc_type_get_num_array_dimensions(type)) {
            uint32_t stride = 0;
            check(spvc_compiler_type_struct_member_array_stride(compiler_, structure, index,
                                                                &stride));
            if (axes != 1 || count != 1 || stride != 4)
                fail(field.name + ": only arrays of scalars, 4 bytes apart");
            count = spvc_type_get_array_dimension(type, 0);
            field.size = 4 * count;
        } else {
            field.size = 4 * count;
        }
        std::string scalar = this->scalar(type, field.name);
        field.type =
            field.size == 4 ? scalar : "std::array<" + scalar + ", " + std::to_string(count) + ">";
        check(spvc_compiler_type_struct_member_offset(compiler_, structure, index, &field.offset));
        return field;
    }

    static std::string scalar(spvc_type type, const std::string& name) {
        switch (spvc_type_get_basetype(type)) {
            case SPVC_BASETYPE_UINT32: return "uint32_t";
            case SPVC_BASETYPE_INT32: return "int32_t";
            case SPVC_BASETYPE_FP32: return "float";
            default: fail(name + ": arguments and constants are uint, int or float");
        }
    }

    Constant constant(const spvc_specialization_constant& found, const std::string& name) {
        if (name.empty()) fail("a specialization constant without a name");
        spvc_constant handle = spvc_compiler_get_constant_handle(compiler_, found.id);
        uint32_t bits = spvc_constant_get_scalar_u32(handle, 0, 0);
        Constant constant{found.constant_id, name, "uint32_t", std::to_string(bits)};
        spvc_type type = this->type(spvc_constant_get_type(handle));
        if (spvc_type_get_basetype(type) == SPVC_BASETYPE_BOOLEAN) {
            constant.value = bits ? "1" : "0";   // a specialization boolean is one word
            return constant;
        }
        constant.type = scalar(type, name);
        if (constant.type == "int32_t") constant.value = std::to_string(int32_t(bits));
        if (constant.type == "float") {
            float value;
            std::memcpy(&value, &bits, 4);
            char text[32];
            std::snprintf(text, sizeof text, "%.9g", value);
            constant.value = text;
        }
        return constant;
    }

    spvc_context context_ = nullptr;
    spvc_compiler compiler_ = nullptr;
    spvc_resources resources_ = nullptr;
};

}   // namespace

Module reflect(const std::vector<uint32_t>& spirv) {
    Reflector reflector(spirv);
    return {reflector.bindings(), reflector.args(), reflector.constants()};
}

}   // namespace kiln::reflect
