#include <charconv>
#include <cmath>

#include "modalities/splat/mesh/mesh_read.h"
#include "runtime/io/file.h"

namespace kiln {
namespace {

// The words of a line, one after the other; "" at its end.
struct Words {
    std::string_view rest;

    std::string_view next() {
        const size_t begin = rest.find_first_not_of(" \t\r");
        if (begin == rest.npos) return rest = "";
        rest.remove_prefix(begin);
        const std::string_view word = rest.substr(0, rest.find_first_of(" \t\r"));
        rest.remove_prefix(word.size());
        return word;
    }
    // What is left of the line, names having blanks in them.
    std::string_view name() const {
        const size_t begin = rest.find_first_not_of(" \t\r"), end = rest.find_last_not_of(" \t\r");
        return begin == rest.npos ? "" : rest.substr(begin, end + 1 - begin);
    }
};

template <class T>
bool number(std::string_view word, T& value) {
    const auto [end, problem] = std::from_chars(word.data(), word.data() + word.size(), value);
    return problem == std::errc() && end == word.data() + word.size();
}

class ObjReader {
public:
    ObjReader(const std::string& where, const MeshLimits& limits)
        : where_(where), limits_(limits) {}

    FileMesh run(std::string_view text) {
        while (!text.empty()) {
            const size_t end = std::min(text.find('\n'), text.size());
            line_++;
            read({text.substr(0, end)});
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        const auto& s = mesh_.surface;
        if (s.triangles.empty()) stop("holds no faces: this is no .obj of a mesh");
        for (const Triangle& t : s.triangles)
            for (const uint32_t i : t)
                if (i >= s.points.size())
                    stop("a face names vertex " + std::to_string(uint64_t(i) + 1) + " of " +
                         std::to_string(s.points.size()));
        return std::move(mesh_);
    }

private:
    [[noreturn]] void stop(const std::string& fact) const {
        throw ResultError({Status::bad_file, where_ + ": " + fact});
    }
    [[noreturn]] void stop_here(const std::string& fact) const {
        stop("line " + std::to_string(line_) + ": " + fact);
    }

    void read(Words words) {
        const std::string_view key = words.next();
        if (key == "v") add_point(words);
        if (key == "f") add_face(words);
        if (key == "mtllib" && mesh_.material.empty()) mesh_.material = words.name();
    }

    void add_point(Words& words) {
        Vec3 p;
        for (double& v : p)
            if (!number(words.next(), v) || !std::isfinite(v))
                stop_here("a vertex has to be three numbers");
        if (mesh_.surface.points.size() == limits_.points) stop_here("too many vertices");
        mesh_.surface.points.push_back(p);
    }

    // A fan around the first corner. Indices count from 1, or from the last vertex so far back.
    void add_face(Words& words) {
        Triangle t{};
        size_t corners = 0;
        for (std::string_view word; !(word = words.next()).empty(); corners++) {
            int64_t i = 0;
            if (!number(word.substr(0, word.find('/')), i))
                stop_here("a face has to be numbers of vertices");
            if (i < 0) i += int64_t(mesh_.surface.points.size()) + 1;
            if (i < 1 || i > int64_t(limits_.points)) stop_here("a face names no vertex");
            t[std::min<size_t>(corners, 2)] = uint32_t(i - 1);
            if (corners < 2) continue;
            if (mesh_.surface.triangles.size() == limits_.triangles) stop_here("too many faces");
            mesh_.surface.triangles.push_back(t);
            t[1] = t[2];
        }
        if (corners < 3) stop_here("a face has to have three corners");
    }

    const std::string& where_;
    const MeshLimits& limits_;
    FileMesh mesh_;
    size_t line_ = 0;
};

}   // namespace

Result<FileMesh> parse_obj(std::span<const std::byte> bytes, const std::string& where,
                           const MeshLimits& limits) {
    try {
        return ObjReader(where, limits).run(as_text(bytes));
    } catch (const ResultError& e) {
        return e.error;
    }
}

}   // namespace kiln
