// Writes the typed header of a kernel and the source that holds its SPIR-V:
//     kiln_reflect STEM BASE {VARIANT REFLECTED.spv EMBEDDED.spv}...  ->  BASE.h, BASE.cpp
// The interface is read from REFLECTED, which has names and everything that the shader declares;
// EMBEDDED must not use more than that.
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "runtime/kernel/tool/interface.h"
#include "runtime/kernel/tool/module.h"

namespace kiln::reflect {
namespace {

struct Variant {
    std::string name;
    Module module;
    std::vector<uint32_t> spirv;
};

std::vector<uint32_t> read_words(const char* path) {
    std::ifstream file(path, std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(file)), {});
    if (bytes.empty() || bytes.size() % 4)
        throw std::runtime_error(std::string(path) + ": not SPIR-V");
    std::vector<uint32_t> words(bytes.size() / 4);
    bytes.copy(reinterpret_cast<char*>(words.data()), bytes.size());
    return words;
}

// What all variants share. A variant may leave a constant unused, nothing else may differ.
Module merge(const std::vector<Variant>& variants) {
    Module merged = variants[0].module;
    for (const Variant& variant : variants) {
        if (variant.module.bindings != merged.bindings || variant.module.args != merged.args)
            throw std::runtime_error("variant " + variant.name +
                                     ": its bindings or arguments differ");
        for (const Constant& constant : variant.module.constants) {
            auto& all = merged.constants;
            size_t at = 0;
            while (at < all.size() && all[at].id < constant.id) at++;
            if (at == all.size() || all[at].id != constant.id)
                all.insert(all.begin() + at, constant);
            else if (!(all[at] == constant))
                throw std::runtime_error("variant " + variant.name + ": " + constant.name +
                                         " differs");
        }
    }
    for (size_t i = 0; i < merged.constants.size(); i++)
        if (merged.constants[i].id != i)
            throw std::runtime_error(
                "specialization constant ids must be 0, 1, 2, ... and used by a variant");
    return merged;
}

std::string signature(const Module& module) {
    std::string text = "Launch launch(Variant variant";
    if (!module.bindings.empty()) text += ", const Bindings& bindings";
    if (!module.args.empty()) text += ", const Args& args";
    if (!module.constants.empty()) text += ", const Constants& constants";
    return text + ", Grid grid)";
}

void write_structs(std::ostream& out, const Module& module) {
    if (!module.bindings.empty()) {
        out << "struct Bindings {\n";
        for (const Binding& binding : module.bindings)
            out << "    " << binding.access << " " << binding.name << ";\n";
        out << "};\n\n";
    }
    if (!module.args.empty()) {
        out << "struct Args {\n";
        for (const Field& field : module.args)
            out << "    " << field.type << " " << field.name << ";\n";
        out << "};\n";
        const Field& last = module.args.back();
        out << "static_assert(sizeof(Args) == " << last.offset + last.size << ");\n";
        for (const Field& field : module.args)
            out << "static_assert(offsetof(Args, " << field.name << ") == " << field.offset
                << ");\n";
        out << "\n";
    }
    if (!module.constants.empty()) {
        out << "struct Constants {\n";
        for (const Constant& constant : module.constants)
            out << "    " << constant.type << " " << constant.name << " = " << constant.value
                << ";\n";
        out << "};\n\n";
    }
}

std::string header(const std::string& stem, const std::vector<Variant>& variants,
                   const Module& module) {
    std::ostringstream out;
    out << "// Generated from " << stem
        << ".comp.\n#pragma once\n#include <array>\n#include <cstddef>\n\n"
        << "#include \"runtime/kernel/kernel.h\"\n\nnamespace kiln::kernels::" << stem
        << " {\n\nenum class Variant {";
    for (size_t i = 0; i < variants.size(); i++) out << (i ? ", " : " ") << variants[i].name;
    out << " };\n\n";
    write_structs(out, module);
    out << "const KernelSource& source(Variant variant);\nstd::span<const KernelSource> "
           "sources();\n"
        << signature(module) << ";\n\n}  // namespace kiln::kernels::" << stem << "\n";
    return out.str();
}

void write_variant(std::ostream& out, const Variant& variant) {
    out << "static const uint32_t spirv_" << variant.name << "[] = {";
    for (size_t i = 0; i < variant.spirv.size(); i++) {
        char word[16];
        std::snprintf(word, sizeof word, "%s0x%x,", i % 12 ? "" : "\n", variant.spirv[i]);
        out << word;
    }
    out << "\n};\n";
    if (variant.module.bindings.empty()) return;
    out << "static const KernelBinding bindings_" << variant.name << "[] = {\n";
    for (const Binding& binding : variant.module.bindings) {
        const char* access = binding.access == "Read"    ? "read"
                             : binding.access == "Write" ? "write"
                                                         : "read_write";
        out << "    {Access::" << access << ", " << (binding.texel ? "true" : "false") << "},\n";
    }
    out << "};\n";
}

void write_launch(std::ostream& out, const Module& module) {
    out << signature(module) << " {\n    Launch launch{.source = &source(variant)};\n";
    if (!module.bindings.empty()) {
        out << "    launch.operands = {";
        for (const Binding& binding : module.bindings)
            out << "bindings." << binding.name << ".operand, ";
        out << "};\n";
    }
    if (!module.args.empty())
        out << "    launch.args.resize(sizeof args);\n    std::memcpy(launch.args.data(), &args, "
               "sizeof args);\n";
    if (!module.constants.empty()) {
        out << "    launch.constants = {";
        for (const Constant& constant : module.constants)
            out << "std::bit_cast<uint32_t>(constants." << constant.name << "), ";
        out << "};\n";
    }
    out << "    launch.grid = grid;\n    return launch;\n}\n";
}

std::string source(const std::string& stem, const std::vector<Variant>& variants,
                   const Module& module) {
    std::ostringstream out;
    out << "// Generated from " << stem << ".comp.\n#include \"kernels/" << stem
        << ".h\"\n\n#include <bit>\n#include <cstring>\n\nnamespace kiln::kernels::" << stem
        << " {\n\n";
    for (const Variant& variant : variants) write_variant(out, variant);
    uint32_t push = module.args.empty() ? 0 : module.args.back().offset + module.args.back().size;
    out << "static const KernelSource all[] = {\n";
    for (const Variant& variant : variants)
        out << "    {\"" << stem << "\", \"" << variant.name << "\", spirv_" << variant.name << ", "
            << (module.bindings.empty() ? "{}" : "bindings_" + variant.name) << ", " << push << ", "
            << module.constants.size() << "},\n";
    out << "};\n\nconst KernelSource& source(Variant variant) { return all[int(variant)]; }\n"
        << "std::span<const KernelSource> sources() { return all; }\n\n";
    write_launch(out, module);
    out << "\n}  // namespace kiln::kernels::" << stem << "\n";
    return out.str();
}

// Leaves a file that already has these contents alone, so that what includes it is not rebuilt.
void write_if_changed(const std::string& path, const std::string& contents) {
    std::ifstream old(path, std::ios::binary);
    if (std::string((std::istreambuf_iterator<char>(old)), {}) == contents) return;
    std::ofstream file(path, std::ios::binary);
    file << contents;
    if (!file.flush()) throw std::runtime_error(path + ": cannot be written");
}

}   // namespace
}   // namespace kiln::reflect

int main(int argc, char** argv) {
    using namespace kiln::reflect;
    try {
        if (argc < 6 || argc % 3 != 0)
            throw std::runtime_error("STEM BASE {VARIANT REFLECTED EMBEDDED}...");
        std::vector<Variant> variants;
        for (int i = 3; i < argc; i += 3) {
            std::vector<uint32_t> reflected = read_words(argv[i + 1]),
                                  embedded = read_words(argv[i + 2]);
            check_within(embedded, reflected);
            variants.push_back({argv[i], reflect(reflected), std::move(embedded)});
        }
        Module module = merge(variants);
        std::string stem = argv[1], base = argv[2];
        write_if_changed(base + ".h", header(stem, variants, module));
        write_if_changed(base + ".cpp", source(stem, variants, module));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argc > 1 ? argv[1] : "kiln_reflect", error.what());
        return 1;
    }
}
