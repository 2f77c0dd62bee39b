#include "modalities/splat/posed/posed.h"

#include <algorithm>
#include <filesystem>

#include "modalities/splat/posed/colmap.h"
#include "modalities/splat/posed/transforms.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

namespace fs = std::filesystem;

constexpr size_t kLargestFile = size_t(1) << 31;

bool is_file(const fs::path& path) {
    std::error_code ignored;
    return fs::is_regular_file(path, ignored);
}
bool is_folder(const fs::path& path) {
    std::error_code ignored;
    return fs::is_directory(path, ignored);
}

bool has_colmap(const fs::path& folder) {
    return is_file(folder / "cameras.bin") || is_file(folder / "cameras.txt");
}

Result<PosedSet> read_colmap(const fs::path& folder, const fs::path& model) {
    ColmapFiles files{.folder = model.string()};
    files.binary = is_file(model / "cameras.bin");
    files.has_points = is_file(files.name("points3D"));
    const auto cameras = read_file(files.name("cameras"), kLargestFile);
    if (!cameras) return cameras.error();
    const auto images = read_file(files.name("images"), kLargestFile);
    if (!images) return images.error();
    std::string points;
    if (files.has_points) {
        auto read = read_file(files.name("points3D"), kLargestFile);
        if (!read) return read.error();
        points = *std::move(read);
    }
    files.cameras = as_bytes(*cameras), files.images = as_bytes(*images);
    files.points = as_bytes(points);
    auto set = parse_colmap(files);
    if (!set) return set;
    const fs::path pictures = is_folder(folder / "images") ? folder / "images" : folder;
    for (PosedPicture& p : set->pictures) p.path = (pictures / p.name).string();
    return set;
}

Result<void> add_transforms(const fs::path& file, bool held_out, PosedSet& set) {
    const auto text = read_file(file.string(), size_t(64) << 20);
    if (!text) return text.error();
    const size_t before = set.pictures.size();
    const auto read = parse_transforms(*text, file.string(), held_out, set);
    if (!read) return read;
    for (size_t i = before; i < set.pictures.size(); i++) {
        const fs::path whole = file.parent_path() / set.pictures[i].path;
        set.pictures[i].path = whole.string();
        for (const char* ending : {"", ".png", ".jpg", ".jpeg", ".PNG", ".JPG"})
            if (is_file(whole.string() + ending)) {
                set.pictures[i].path = whole.string() + ending;
                break;
            }
    }
    return {};
}

Result<PosedSet> read_transforms(const fs::path& file) {
    PosedSet set;
    auto read = add_transforms(file, false, set);
    const fs::path test = file.parent_path() / "transforms_test.json";
    if (read && file.filename() == "transforms_train.json" && is_file(test))
        read = add_transforms(test, true, set);
    if (!read) return read.error();
    set.source = file.string();
    return set;
}

Result<PosedSet> read_any(const fs::path& path) {
    if (is_file(path)) return read_transforms(path);
    if (!is_folder(path))
        return Error{Status::bad_file, path.string() + ": there is no such folder"};
    for (const fs::path& model : {path / "sparse/0", path / "sparse", path})
        if (has_colmap(model)) return read_colmap(path, model);
    for (const char* name : {"transforms_train.json", "transforms.json"})
        if (is_file(path / name)) return read_transforms(path / name);
    if (has_colmap(path / "colmap/sparse/0")) return read_colmap(path, path / "colmap/sparse/0");
    return Error{Status::bad_file,
                 path.string() +
                     ": no cameras in this folder: expected COLMAP's sparse/0/cameras.bin or .txt, "
                     "transforms.json or transforms_train.json; for plain pictures run colmap "
                     "automatic_reconstructor first"};
}

Result<void> check_pictures(PosedSet& set) {
    auto& all = set.pictures;
    const auto bad = [&](const std::string& fact) {
        return Error{Status::bad_file, set.source + ": " + fact};
    };
    const auto learnt = std::count_if(all.begin(), all.end(), [](auto& p) { return !p.held_out; });
    if (learnt < 2)
        return bad("has " + std::to_string(learnt) + (learnt == 1 ? " picture" : " pictures") +
                   " with a camera; at least 2 are needed");
    std::sort(all.begin(), all.end(),
              [](const PosedPicture& a, const PosedPicture& b) { return a.name < b.name; });
    size_t missing = 0;
    std::string first;
    for (const PosedPicture& p : all)
        if (!is_file(p.path) && missing++ == 0) first = p.path;
    if (missing > 0)
        return Error{Status::bad_file,
                     first + ": there is no such picture" +
                         (missing > 1 ? ", nor are " + std::to_string(missing - 1) +
                                            " more of the " + std::to_string(all.size())
                                      : "") +
                         ", but " + set.source + " has a camera for it"};
    return {};
}

}   // namespace

Result<PosedSet> read_posed(const std::string& path) {
    auto set = read_any(path);
    if (!set) return set;
    if (const auto good = check_pictures(*set); !good) return good.error();
    return set;
}

}   // namespace kiln
