// COLMAP's text files: a row a line, words apart by blanks, lines that begin with # left out.
#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include "modalities/splat/posed/colmap_rows.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

// Lines and their words. The first word that is none of what was asked for is remembered.
class Lines {
public:
    Lines(std::span<const std::byte> bytes, std::string where)
        : text_(as_text(bytes)), where_(std::move(where)) {}

    // The next line that is neither empty nor a remark; false at the end.
    bool next() {
        while (take_line())
            if (line_.find_first_not_of(" \t") != std::string_view::npos &&
                line_[line_.find_first_not_of(" \t")] != '#')
                return true;
        return false;
    }
    void skip() { take_line(); }   // the next line, whatever it is

    std::string_view word() {
        const size_t begin = std::min(line_.find_first_not_of(" \t"), line_.size());
        const size_t end = std::min(line_.find_first_of(" \t", begin), line_.size());
        const std::string_view word = line_.substr(begin, end - begin);
        line_.remove_prefix(end);
        if (word.empty()) fail("ends early");
        return word;
    }
    template <class T>
    T number() {
        const std::string_view text = word();
        T value{};
        const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
        // What a double cannot hold is not finite, and what is made of it is refused.
        if (problem == std::errc::result_out_of_range && std::is_floating_point_v<T>)
            return std::numeric_limits<T>::quiet_NaN();
        if (!text.empty() && (problem != std::errc() || stop != text.data() + text.size()))
            fail("\"" + std::string(text.substr(0, 40)) + "\" is no number that can stand there");
        return value;
    }
    std::string rest() {   // names may have blanks
        const size_t begin = std::min(line_.find_first_not_of(" \t"), line_.size());
        const std::string_view text = line_.substr(begin);
        return std::string(text.substr(0, text.find_last_not_of(" \t") + 1));
    }

    void fail(const std::string& fact) {
        if (!fault_)
            fault_ =
                Error{Status::bad_file, where_ + ": line " + std::to_string(number_) + " " + fact};
    }
    const std::optional<Error>& fault() const { return fault_; }

private:
    bool take_line() {
        if (text_.empty()) return false;
        const size_t end = text_.find('\n');
        line_ = text_.substr(0, end);
        text_.remove_prefix(end == std::string_view::npos ? text_.size() : end + 1);
        if (line_.ends_with('\r')) line_.remove_suffix(1);
        number_++;
        return true;
    }

    std::string_view text_, line_;
    std::string where_;
    size_t number_ = 0;
    std::optional<Error> fault_;
};

void read_camera(Lines& lines, ColmapRows& rows) {
    ColmapCamera c{.id = lines.number<uint32_t>()};
    const std::string_view name = lines.word();
    const auto models = colmap_models();
    const auto model = std::find_if(models.begin(), models.end(),
                                    [&](const ColmapModel& m) { return m.name == name; });
    if (model == models.end())
        return lines.fail("has the camera model \"" + std::string(name.substr(0, 40)) +
                          "\", which is not known");
    c.model = int(model - models.begin());
    c.width = lines.number<uint64_t>(), c.height = lines.number<uint64_t>();
    for (size_t i = 0; i < model->parameters; i++) c.parameters.push_back(lines.number<double>());
    rows.cameras.push_back(std::move(c));
}

void read_image(Lines& lines, ColmapRows& rows) {
    ColmapImage image;
    lines.number<uint32_t>();
    for (double& q : image.rotation) q = lines.number<double>();
    for (double& t : image.translation) t = lines.number<double>();
    image.camera = lines.number<uint32_t>();
    image.name = lines.rest();
    rows.images.push_back(std::move(image));
    lines.skip();   // where points were seen
}

void read_point(Lines& lines, ColmapRows& rows) {
    lines.number<uint64_t>();
    for (int i = 0; i < 3; i++) rows.points.positions.push_back(float(lines.number<double>()));
    for (int i = 0; i < 3; i++) rows.points.colours.push_back(lines.number<uint8_t>());
}

template <class Row>
Result<void> each_line(std::span<const std::byte> bytes, const std::string& where, ColmapRows& rows,
                       Row row) {
    Lines lines(bytes, where);
    while (lines.next()) {
        row(lines, rows);
        if (lines.fault()) return *lines.fault();
    }
    return {};
}

}   // namespace

Result<ColmapRows> colmap_rows_text(const ColmapFiles& files) {
    ColmapRows rows;
    auto read = each_line(files.cameras, files.name("cameras"), rows, read_camera);
    if (read) read = each_line(files.images, files.name("images"), rows, read_image);
    if (read && files.has_points)
        read = each_line(files.points, files.name("points3D"), rows, read_point);
    if (!read) return read.error();
    return rows;
}

}   // namespace kiln
