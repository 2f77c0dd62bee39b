#include "runtime/vk/demands.h"

#include <catch2/catch_test_macros.hpp>

#include "greedy.h"
#include "scale.h"

using namespace kiln;
using vk::objection_to;

namespace {

Caps able() {
    Caps caps;
    caps.subgroup_size = caps.subgroup_max = 32;
    caps.subgroup_arithmetic = true;
    return caps;
}

}   // namespace

TEST_CASE("a kernel within the caps is not objected to") {
    CHECK(objection_to(scale, {}, Caps{}) == "");
    CHECK(objection_to(greedy, std::vector<uint32_t>{128, 16}, able()) == "");
}

TEST_CASE("workgroup size and shared memory count with their constants") {
    CHECK(objection_to(greedy, std::vector<uint32_t>{129, 16}, able()) ==
          "invocations a workgroup 129, the limit is 128");
    CHECK(objection_to(greedy, std::vector<uint32_t>{64, 17}, able()) ==
          "bytes of shared memory 17408, the limit is 16384");
    Caps narrow = able();
    narrow.workgroup_size[0] = 32;
    CHECK(objection_to(scale, {}, narrow) == "workgroup extent 64, the limit is 32");
}

TEST_CASE("a capability that the caps lack is named") {
    Caps caps = able();
    caps.subgroup_arithmetic = false;
    CHECK(objection_to(greedy, std::vector<uint32_t>{64, 4}, caps) ==
          "it needs subgroup arithmetic");
    caps.subgroup_max = 1;
    CHECK(
        objection_to(greedy, std::vector<uint32_t>{64, 4}, caps).starts_with("it needs subgroup"));
}

TEST_CASE("what is not SPIR-V or ends early is no crash") {
    CHECK(objection_to({}, {}, Caps{}) == "it is not SPIR-V");
    std::vector<uint32_t> words(std::begin(greedy), std::end(greedy));
    for (size_t length = 5; length < words.size(); length += 3) {
        (void)objection_to(std::span(words).first(length), {}, able());
    }
}
