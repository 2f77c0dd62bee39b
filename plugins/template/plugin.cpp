// The smallest plugin that works: words in, a pattern of coloured shapes out, one row a step. Copy
// this folder, rename it, and replace what draw() does; plugin.h is the manual.
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "adapter.h"

namespace {

using namespace kiln::sdk;
using Json = nlohmann::json;

const char* kDescription = R"({
  "name": "template",
  "version": "1.0",
  "summary": "A pattern of coloured shapes, from words",
  "outputs": [{"media_type": "image/svg+xml", "extension": "svg"}],
  "request": {
    "type": "object",
    "required": ["prompt"],
    "properties": {
      "prompt": {"type": "string", "title": "Prompt", "positional": true, "minLength": 1,
                 "description": "Words to make the pattern from"},
      "size": {"type": "integer", "title": "Size",
               "default": 8, "minimum": 1, "maximum": 64, "short": "s",
               "group": "Picture", "description": "Shapes in a row, and rows"},
      "shape": {"type": "string", "title": "Shape",
                "default": "square", "enum": ["square", "circle"],
                "group": "Picture", "description": "What to draw"},
      "frame": {"type": "boolean", "title": "Frame", "default": false,
                "group": "Picture", "description": "Draw a frame around the pattern"},
      "palette": {"type": "string", "title": "Palette",
                  "contentMediaType": "text/plain", "metavar": "FILE",
                  "group": "Picture", "description": "File of colours such as #ff8800, one a line"},
      "seed": {"type": "integer", "title": "Seed",
               "default": 0, "minimum": 0, "maximum": 18446744073709551615,
               "group": "Run", "description": "Another pattern from the same words"},
      "count": {"type": "integer", "title": "Count", "default": 1, "minimum": 1, "maximum": 100,
                "group": "Run", "description": "How many patterns, each with the next seed"},
      "pause": {"type": "number", "title": "Pause", "default": 0, "minimum": 0, "maximum": 10,
                "group": "Run", "description": "Seconds to rest after each row"}
    }
  }
})";

std::vector<std::string> read_palette(const Request& request) {
    const Blob* file = request.find("palette");
    if (!file) return {"#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"};
    std::istringstream lines(
        std::string(reinterpret_cast<const char*>(file->data.data()), file->data.size()));
    std::vector<std::string> colours;
    for (std::string line; std::getline(lines, line);) {
        if (line.size() != 7 || line[0] != '#' ||
            line.find_first_not_of("0123456789abcdefABCDEF", 1) != line.npos)
            throw Failure(KILN_BAD_FILE, std::string(file->file_name) +
                                             ": expected a colour such as #ff8800, found \"" +
                                             line.substr(0, 40) + '"');
        colours.push_back(line);
    }
    if (colours.empty())
        throw Failure(KILN_BAD_FILE, std::string(file->file_name) + ": it holds no colours");
    return colours;
}

class Template {
public:
    explicit Template(const Options&) {}

    static const char* describe() { return kDescription; }
    static std::string models(const Options&) { return "[]"; }

    void run(const Request& request, const Events& events) {
        Json r = Json::parse(request.json);
        auto palette = read_palette(request);
        for (uint32_t i = 0; i < r["count"].get<uint32_t>(); i++) {
            r["seed"] = r["seed"].get<uint64_t>() + (i ? 1 : 0);
            std::string svg = draw(r, palette, i, events);
            events.artifact(
                {i, "image/svg+xml", r["prompt"], r.dump(), std::as_bytes(std::span(svg))});
        }
    }

private:
    static std::string draw(const Json& r, const std::vector<std::string>& palette, uint32_t index,
                            const Events& events) {
        uint32_t size = r["size"], count = r["count"];
        uint64_t state =
            std::hash<std::string>()(r["prompt"].get<std::string>()) ^ r["seed"].get<uint64_t>();
        std::ostringstream svg;
        svg << "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " << size << ' ' << size
            << "\">\n";
        for (uint32_t y = 0; y < size; y++) {
            events.stop_if_cancelled();
            for (uint32_t x = 0; x < size; x++) {
                state = state * 6364136223846793005u + 1442695040888963407u;   // Knuth, MMIX
                const std::string& colour = palette[(state >> 33) % palette.size()];
                if (r["shape"] == "circle")
                    svg << "<circle cx=\"" << x + 0.5 << "\" cy=\"" << y + 0.5 << "\" r=\"0.5\"";
                else
                    svg << "<rect x=\"" << x << "\" y=\"" << y << "\" width=\"1\" height=\"1\"";
                svg << " fill=\"" << colour << "\"/>\n";
            }
            std::this_thread::sleep_for(std::chrono::duration<double>(r["pause"].get<double>()));
            events.progress(y + 1, size, (index + double(y + 1) / size) / count, "drawing");
        }
        if (r["frame"] == true)
            svg << "<rect width=\"100%\" height=\"100%\" fill=\"none\" stroke=\"#000\" "
                   "stroke-width=\"0.1\"/>\n";
        svg << "</svg>\n";
        return svg.str();
    }
};

}   // namespace

extern "C" KILN_EXPORT const kiln_plugin* kiln_plugin_table(uint32_t) { return table<Template>(); }
