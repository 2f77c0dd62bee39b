// kiln quantize: from a model's folder to one with GGUF files, which kiln inspect then shows.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "tests/apps/command.h"

using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("quantize writes a model's folder, or one file") {
    Workplace w;
    const std::string model = KILN_SOURCE_DIR "/modalities/image/default";
    Finished f = w.run({"quantize", model, "-o", "small", "--type", "q6_k"});
    INFO(f.err);
    REQUIRE(f.status == 0);
    CHECK_THAT(f.out, ContainsSubstring("small/unet/diffusion_pytorch_model.gguf: "));
    CHECK(fs::exists(w.path("small/model_index.json")));
    CHECK(fs::exists(w.path("small/tokenizer/merges.txt")));
    CHECK_FALSE(fs::exists(w.path("small/unet/diffusion_pytorch_model.safetensors")));
    CHECK(fs::file_size(w.path("small/unet/diffusion_pytorch_model.gguf")) * 10 <
          fs::file_size(model + "/unet/diffusion_pytorch_model.safetensors") * 9);
    CHECK_THAT(w.run({"inspect", "small"}).out, ContainsSubstring("GGUF, "));

    f = w.run({"quantize", model + "/vae/diffusion_pytorch_model.safetensors", "-o", "v.gguf"});
    CHECK(f.status == 0);
    CHECK_THAT(w.run({"inspect", "v.gguf"}).out, ContainsSubstring("Q8_0 x "));
}

TEST_CASE("what quantize cannot do is said with its status") {
    Workplace w;
    CHECK(w.run({"quantize", "x"}).status == 2);
    const Finished type = w.run({"quantize", "x", "-o", "y", "--type", "q3"});
    CHECK(type.status == 2);
    CHECK_THAT(type.err, ContainsSubstring("expected one of f16, q8_0, "));
    CHECK(w.run({"quantize", "x", "-o", "y.gguf"}).status == 3);
    w.write("a.gguf", "GGUF");
    CHECK(w.run({"quantize", "a.gguf", "-o", "a.gguf"}).status == 2);
    CHECK(w.files() == std::vector<std::string>{"a.gguf"});
}
