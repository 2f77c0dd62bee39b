#include "apps/kiln/output.h"

#include <algorithm>
#include <filesystem>

#include "runtime/io/file.h"
#include "runtime/io/file_name.h"

namespace kiln::app {

namespace fs = std::filesystem;
using sdk::Failure;

static std::string extensions(const std::vector<sdk::Output>& kinds) {
    std::string list;
    for (const auto& kind : kinds) list += (list.empty() ? "." : ", .") + kind.extension;
    return list;
}

Output::Output(std::string wanted, const std::vector<sdk::Output>& kinds)
    : kinds_(kinds), folder_() {
    std::error_code ignored;
    if (wanted.empty()) return;
    if (fs::is_directory(wanted, ignored)) {
        folder_ = wanted;
        return;
    }
    fs::path path(wanted);
    if (path.filename().empty()) throw Failure(KILN_BAD_FILE, wanted + ": there is no such folder");
    folder_ = path.parent_path().string();
    if (!folder_.empty() && !fs::is_directory(folder_, ignored))
        throw Failure(KILN_BAD_FILE, folder_ + ": there is no such folder");
    if (path.has_extension()) {
        std::string extension = path.extension().string().substr(1);
        for (char& c : extension) c = char(std::tolower(static_cast<unsigned char>(c)));
        const auto kind = std::find_if(kinds.begin(), kinds.end(),
                                       [&](auto& k) { return k.extension == extension; });
        if (kind == kinds.end())
            throw Failure(
                KILN_USAGE,
                "-o: ." + extension + " is none of what this command makes: " + extensions(kinds));
        media_type_ = kind->media_type;
    }
    file_ = path.filename().string();
}

std::string Output::stem() const { return fs::path(file_).stem().string(); }

template <class T>
static T kept(Result<T> result) {
    if (!result) throw Failure(kiln_status(int(result.error().status)), result.error().message);
    return std::move(result).value();
}

std::string Output::store(const sdk::ArtifactView& artifact) {
    auto kind = std::find_if(kinds_.begin(), kinds_.end(),
                             [&](auto& k) { return k.media_type == artifact.media_type; });
    if (kind == kinds_.end())
        throw Failure(KILN_FAILED,
                      "the plugin made " + artifact.media_type + ", which it does not announce");
    if (file_.empty()) {
        uint64_t seed = artifact.metadata.value("seed", uint64_t(artifact.index));
        return kept(write_new_file(folder_, file_stem(artifact.name, seed), kind->extension,
                                   artifact.data));
    }
    fs::path name(file_);
    std::string stem = name.stem().string(), extension = name.extension().string();
    if (extension.empty() || kind->media_type != media_type_) extension = "." + kind->extension;
    if (artifact.index > 0) stem += "-" + std::to_string(artifact.index + 1);
    fs::path path = fs::path(folder_) / (stem + extension);
    auto written = write_file(path.string(), artifact.data);
    if (!written) throw Failure(kiln_status(int(written.error().status)), written.error().message);
    return path.string();
}

}   // namespace kiln::app
