#include <array>
#include <cstdio>
#include <filesystem>

#include "apps/kiln/commands.h"
#include "runtime/io/quantise.h"

namespace kiln::app {

namespace fs = std::filesystem;

static DType type_named(const std::string& name) {
    constexpr std::array types = {DType::f16,  DType::q8_0, DType::q6_k, DType::q5_k, DType::q5_1,
                                  DType::q5_0, DType::q4_k, DType::q4_1, DType::q4_0};
    std::string list;
    for (DType type : types) {
        if (name_of(type) == name) return type;
        list += (list.empty() ? "" : ", ") + std::string(name_of(type));
    }
    throw sdk::Failure(KILN_USAGE, "--type: expected one of " + list + "; found \"" + name + '"');
}

template <class T>
static T done(Result<T> result) {
    if (!result)
        throw sdk::Failure(kiln_status(int(result.error().status)), result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

static void write(const Global& global, const TensorFiles& model, const std::string& output,
                  DType type) {
    const bool shown = global.environment.terminal && !global.quiet && !global.json;
    done(write_quantised(output, model, type, [&](size_t i, size_t all) {
        if (shown) std::fprintf(stderr, "\r%s: %zu of %zu tensors", output.c_str(), i + 1, all);
    }));
    if (shown) std::fprintf(stderr, "\n");
    uint64_t before = 0;
    for (const auto& [name, entry] : model.entries()) before += entry.info->size();
    const uint64_t after = fs::file_size(output);
    if (global.json)
        std::printf(
            "%s\n",
            sdk::Json({{"path", output}, {"bytes", after}, {"from_bytes", before}}).dump().c_str());
    else if (!global.quiet)
        std::printf("%s: %.1f MB, from %.1f MB\n", output.c_str(), double(after) / 1e6,
                    double(before) / 1e6);
}

// A model's folder: weights become GGUF files of the same stem, what else it holds is copied.
static void folder(const Global& global, const fs::path& input, const fs::path& output,
                   DType type) {
    fs::create_directories(output);
    bool weights = false;
    for (const auto& entry : fs::directory_iterator(input)) {
        const fs::path& path = entry.path();
        const fs::path target = output / path.filename();
        const std::string name = path.filename().string(), end = path.extension().string();
        if (entry.is_directory())
            folder(global, path, target, type);
        else if (end == ".safetensors" || end == ".gguf" || end == ".bin" ||
                 name.find(".safetensors.index") != name.npos)
            weights |= end == ".safetensors" || end == ".gguf";
        else
            fs::copy_file(path, target, fs::copy_options::overwrite_existing);
    }
    if (!weights) return;
    const TensorFiles model = done(TensorFiles::open_folder(input.string()));
    const std::string file = fs::path(model.path()).filename().string();
    write(global, model, (output / (file.substr(0, file.find('.')) + ".gguf")).string(), type);
}

int quantize(const Global& global, const std::string& input, const std::string& output,
             const std::string& type) {
    const DType chosen = type_named(type);
    std::error_code ignored;
    try {
        if (fs::equivalent(input, output, ignored))
            throw sdk::Failure(KILN_USAGE, "the output would replace what is read");
        if (fs::is_directory(input, ignored))
            folder(global, input, output, chosen);
        else
            write(global, done(TensorFiles::open(input)), output, chosen);
    } catch (const fs::filesystem_error& failure) {
        throw sdk::Failure(KILN_BAD_FILE,
                           failure.path1().string() + ": " + failure.code().message());
    }
    return KILN_DONE;
}

}   // namespace kiln::app
