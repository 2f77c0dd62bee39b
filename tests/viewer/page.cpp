// The viewer's page, as text.
#include <catch2/catch_test_macros.hpp>

#include "modalities/splat/viewer/page.h"
#include "runtime/base/result.h"
#include "runtime/io/file.h"

using namespace kiln;

namespace {

// What stands between two texts; empty unless both are there.
std::string between(std::string_view text, std::string_view before, std::string_view after) {
    const size_t at = text.find(before);
    if (at == text.npos) return "";
    const size_t begin = at + before.size(), end = text.find(after, begin);
    return std::string(text.substr(begin, end == text.npos ? 0 : end - begin));
}

std::string embedded(std::string_view file, std::string_view name) {
    const std::string page = viewer_page(as_bytes(file), name);
    return "data-name=\"" + between(page, "data-name=\"", "</script>");
}

size_t count(std::string_view text, std::string_view part) {
    size_t n = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) n++;
    return n;
}

}   // namespace

TEST_CASE("the library holds the page as it is on disk, licences included") {
    const std::string file =
        take(read_file(KILN_SOURCE_DIR "/modalities/splat/viewer/viewer.html", 1 << 24));
    CHECK(viewer_page() == file);
    const std::string notice =
        take(read_file(KILN_SOURCE_DIR "/modalities/splat/viewer/NOTICE", 1 << 20));
    CHECK(file.find(notice.substr(0, notice.size() - 1)) != file.npos);
}

TEST_CASE("a file in the page is base64, whatever its length") {
    CHECK(embedded("", "a.ply") == "data-name=\"a.ply\">");
    CHECK(embedded("f", "a.ply") == "data-name=\"a.ply\">Zg==");
    CHECK(embedded("fo", "a.ply") == "data-name=\"a.ply\">Zm8=");
    CHECK(embedded("foo", "a.ply") == "data-name=\"a.ply\">Zm9v");
    CHECK(embedded("\xff\xfe\xfd\xfc", "a.ply") == "data-name=\"a.ply\">//79/A==");
}

TEST_CASE("a hostile name stays text and the rest of the page as it was") {
    const std::string name = "</script><!--\"'><img src=x onerror=alert(1)>&amp;\n.spz";
    CHECK(embedded("foo", name) ==
          "data-name=\"&lt;/script&gt;&lt;!--&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;"
          "&amp;amp; .spz\">Zm9v");
    const std::string page = viewer_page(as_bytes("foo"), name), empty(viewer_page());
    for (const char* markup : {"<img", "<!--", "onerror=\""})
        CHECK(count(page, markup) == count(empty, markup) - (markup[1] == '!'));
    CHECK(count(page, "</script>") == count(empty, "</script>") + 1);
}
