// COLMAP's binary files: counts as u64, then rows one after the other, little endian.
#include <algorithm>
#include <cstring>

#include "modalities/splat/posed/colmap_rows.h"

namespace kiln {
namespace {

// Values from the front of a file; once it ends, all further ones are zero and cut() tells.
class Front {
public:
    explicit Front(std::span<const std::byte> bytes) : bytes_(bytes) {}

    template <class T>
    T get() {
        T value{};
        if (bytes_.size() < sizeof(T)) return cut_ = true, T{};
        std::memcpy(&value, bytes_.data(), sizeof(T));
        bytes_ = bytes_.subspan(sizeof(T));
        return value;
    }
    std::string name() {
        const auto end = std::find(bytes_.begin(), bytes_.end(), std::byte{0});
        if (end == bytes_.end()) return cut_ = true, std::string();
        std::string text(reinterpret_cast<const char*>(bytes_.data()),
                         size_t(end - bytes_.begin()));
        bytes_ = bytes_.subspan(text.size() + 1);
        return text;
    }
    void skip(uint64_t count, size_t size) {
        if (count > bytes_.size() / size) {
            cut_ = true;
            return;
        }
        bytes_ = bytes_.subspan(size_t(count) * size);
    }
    size_t left() const { return bytes_.size(); }
    bool cut() const { return cut_; }

private:
    std::span<const std::byte> bytes_;
    bool cut_ = false;
};

// Calls row(front) as often as the file's count says. `least` bytes are in each row.
template <class Row>
Result<void> each_row(std::span<const std::byte> bytes, const std::string& where, const char* what,
                      size_t least, Row row) {
    Front front(bytes);
    const uint64_t count = front.get<uint64_t>();
    const std::string claim = "claims " + std::to_string(count) + " " + what;
    if (front.cut())
        return Error{Status::bad_file,
                     where + ": has " + std::to_string(bytes.size()) + " bytes: it is cut short"};
    if (count > front.left() / least)
        return Error{Status::bad_file, where + ": " + claim + " but has " +
                                           std::to_string(front.left()) +
                                           " bytes for them: it is cut short"};
    for (uint64_t i = 0; i < count; i++) {
        const Result<void> read = row(front);
        if (!read) return read;
        if (front.cut())
            return Error{Status::bad_file, where + ": " + claim + " but ends in the one before " +
                                               std::to_string(i + 1) + " are whole"};
    }
    if (front.left() > 0)
        return Error{Status::bad_file, where + ": " + claim + ", and " +
                                           std::to_string(front.left()) + " bytes follow them"};
    return {};
}

template <size_t N>
std::array<double, N> doubles(Front& front) {
    std::array<double, N> values;
    for (double& v : values) v = front.get<double>();
    return values;
}

}   // namespace

Result<ColmapRows> colmap_rows_binary(const ColmapFiles& files) {
    ColmapRows rows;
    const std::string cameras = files.name("cameras");
    auto read = each_row(files.cameras, cameras, "cameras", 24, [&](Front& f) -> Result<void> {
        ColmapCamera c{.id = f.get<uint32_t>(), .model = f.get<int32_t>()};
        c.width = f.get<uint64_t>(), c.height = f.get<uint64_t>();
        const auto models = colmap_models();
        if (c.model < 0 || size_t(c.model) >= models.size())
            return Error{Status::bad_file, cameras + ": camera " + std::to_string(c.id) +
                                               ": camera model " + std::to_string(c.model) +
                                               " is not known"};
        for (size_t i = 0; i < models[size_t(c.model)].parameters; i++)
            c.parameters.push_back(f.get<double>());
        rows.cameras.push_back(std::move(c));
        return {};
    });
    if (!read) return read.error();
    read = each_row(files.images, files.name("images"), "images", 73, [&](Front& f) {
        f.get<uint32_t>();
        ColmapImage image{.rotation = doubles<4>(f), .translation = doubles<3>(f)};
        image.camera = f.get<uint32_t>();
        image.name = f.name();
        f.skip(f.get<uint64_t>(), 24);   // where points were seen
        rows.images.push_back(std::move(image));
        return Result<void>{};
    });
    if (!read) return read.error();
    if (!files.has_points) return rows;
    read = each_row(files.points, files.name("points3D"), "points", 51, [&](Front& f) {
        f.get<uint64_t>();
        for (const double x : doubles<3>(f)) rows.points.positions.push_back(float(x));
        for (int i = 0; i < 3; i++) rows.points.colours.push_back(f.get<uint8_t>());
        f.get<double>();                // its error
        f.skip(f.get<uint64_t>(), 8);   // what saw it
        return Result<void>{};
    });
    if (!read) return read.error();
    return rows;
}

}   // namespace kiln
