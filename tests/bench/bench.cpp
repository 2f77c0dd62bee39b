// What kiln bench makes of measurements: comparisons, modules, traces and pictures.
#include <catch2/catch_test_macros.hpp>

#include "apps/bench/compare.h"
#include "apps/bench/roofline.h"
#include "apps/bench/step.h"
#include "apps/bench/trace.h"
#include "runtime/io/file.h"
#include "runtime/io/json.h"
#include "tests/image/models.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::bench;

namespace {

Row row(const char* name, double ms, const char* dtype = "f32") {
    return {{"bench", "ops"}, {"case", name}, {"dtype", dtype}, {"ms", ms}};
}

std::string lines(std::initializer_list<Row> rows) {
    std::string text;
    for (const Row& r : rows) text += r.dump() + "\n";
    return text;
}

MeasuredLaunch launch(const char* variant, double begin, double milliseconds, Work work) {
    return {.variant = variant,
            .module = "down_blocks.0.resnets.0",
            .path = "down_blocks.0.resnets.0.conv1.weight",
            .shape = "4096x320x320",
            .dtype = DType::f32,
            .work = work,
            .milliseconds = milliseconds,
            .begin = begin,
            .chunk = 0};
}

Step small_step() {
    Step step{.network = {.title = "unet 64x64, batch 2"}};
    step.milliseconds = 8, step.host = 0.25, step.compiled = 30;
    step.stats.launches = 3;
    step.launches = {launch("matmul.shared 64x64", 0, 2, {4e9, 1e7}),
                     launch("softmax f32", 2.5, 1, {0, 2e7}),
                     launch("matmul.shared 64x64", 4, 3, {4e9, 1e7})};
    step.submissions = {{.begin = 0,
                         .end = 1,
                         .submitted = 100,
                         .returned = 100.25,
                         .finished = 108,
                         .waited = 7.5}};
    return step;
}

const Peaks kPeaks{.copy = 100, .f32 = 4000};

}   // namespace

TEST_CASE("networks in one file are measured as those in a folder", "[gpu]") {
    test::Tensors tensors;
    test::collect(test::golden_document("sd1_file").at("tensors"), "", tensors);
    for (auto& [name, tensor] : tensors) tensor.second = test::weight(name, tensor.first);
    test::TemporaryFolder folder("bench-file");
    const std::string file = (folder.path / "model.safetensors").string();
    test::write_tensors(file, tensors);
    const auto device = test::test_device();
    NetworkOptions options{.model = file,
                           .width = 32,
                           .height = 32,
                           .tokenizer = std::string(KILN_GOLDEN_DIR) + "/text/small"};
    for (const char* name : {"unet", "vae"}) {
        auto network = open_network(device, name, options);
        if (!network) FAIL(network.error().message);
        CHECK(network->dtype == DType::f32);
        const Step step = take(measure_step(device, std::move(*network), 1, {}));
        CHECK(step.milliseconds > 0);
        CHECK(step.stats.launches > 20);
    }
    options.tokenizer.clear();
    CHECK(open_network(device, "unet", options).error().status == Status::bad_file);
}

TEST_CASE("vocoders are measured over some frames", "[gpu]") {
    const std::string golden = std::string(KILN_GOLDEN_DIR) + "/audio/tiny.vocoder.json";
    const auto document = take(read_json(golden));
    test::TemporaryFolder folder("bench-vocoder");
    take(
        write_file((folder.path / "config.json").string(), as_bytes(document.at("config").dump())));
    test::Tensors tensors;
    test::collect(document.at("tensors"), "", tensors);
    for (auto& [name, tensor] : tensors) tensor.second = test::weight(name, tensor.first);
    test::write_tensors(folder.path / "model.safetensors", tensors);
    const auto device = test::test_device();
    auto network = take(open_network(device, "vocoder", {.model = folder.path.string()}));
    CHECK(network.title == "vocoder 256 frames, batch 1");
    CHECK(take(measure_step(device, std::move(network), 1, {})).stats.launches > 10);
    CHECK(open_network(device, "vocoder", {.model = "missing"}).error().status == Status::bad_file);
    CHECK(open_network(device, "vocoder", {.model = folder.path.string(), .precision = "bf16"})
              .error()
              .status == Status::usage);
}

TEST_CASE("a comparison finds the same rows of an earlier run", "[vk]") {
    test::TemporaryFolder folder("compare");
    const std::string file = (folder.path / "before.json").string();
    const std::string before = "a note\n" + lines({row("matmul", 10), row("matmul", 4, "f16"),
                                                   row("softmax", 1), row("gone", 1)});
    take(write_file(file, as_bytes(before)));
    Comparison comparison = take(Comparison::read(file));
    Row same = row("matmul", 5), slower = row("softmax", 1.2), fresh = row("conv", 3);
    for (Row* r : {&same, &slower, &fresh}) comparison.add_to(*r);
    CHECK(same["before"] == 10);
    CHECK(same["faster"] == 2);
    CHECK(slower["faster"] == 1 / 1.2);
    CHECK_FALSE(fresh.contains("before"));
    const Row summary = comparison.summary(0.1);
    CHECK(summary["rows"] == 2);
    CHECK(summary["slower"] == 1);
    CHECK(std::abs(summary["faster"].get<double>() - std::sqrt(2 / 1.2)) < 1e-12);
    CHECK(comparison.summary(0.25)["slower"] == 0);
}

TEST_CASE("a file without rows cannot be compared with", "[vk]") {
    test::TemporaryFolder folder("compare-empty");
    const std::string file = (folder.path / "before.json").string();
    take(write_file(file, as_bytes("{}\n[1]\nnothing\n")));
    CHECK(Comparison::read(file).error().status == Status::bad_file);
    CHECK(Comparison::read(file + ".no").error().status == Status::bad_file);
}

TEST_CASE("a module is the block that a weight lies in", "[vk]") {
    CHECK(module_of("down_blocks.0.resnets.1.conv1.weight") == "down_blocks.0.resnets.1");
    CHECK(module_of("up_blocks.10.attentions.2.transformer_blocks.0.attn1.to_q.weight") ==
          "up_blocks.10.attentions.2");
    CHECK(module_of("mid_block.attentions.0.transformer_blocks.0.norm1") ==
          "mid_block.attentions.0");
    CHECK(module_of("decoder.up_blocks.3.upsamplers.0.conv") == "decoder.up_blocks.3.upsamplers.0");
    CHECK(module_of("time_embedding.linear_1.weight") == "time_embedding.linear_1");
    CHECK(module_of("conv_in.bias") == "conv_in");
    CHECK(module_of("") == "");
}

TEST_CASE("a step's rows sum its launches by kernel and by module", "[vk]") {
    std::vector<Row> rows;
    report_step(small_step(), kPeaks, "a device", [&](const Row& r) { rows.push_back(r); });
    REQUIRE(rows.size() == 4);   // two kernels, a module, the step
    CHECK(rows[0]["case"] == "kernel matmul.shared 64x64 f32");
    CHECK(rows[0]["calls"] == 2);
    CHECK(rows[0]["ms"] == 5);
    CHECK(rows[0]["gflops"] == 8e9 / 5 / 1e6);
    CHECK(std::abs(rows[0]["share"].get<double>() - 2.0 / 5) < 1e-12);   // at 4 TFLOP/s
    CHECK(rows[1]["case"] == "kernel softmax f32");
    CHECK_FALSE(rows[1].contains("gflops"));
    CHECK(std::abs(rows[1]["share"].get<double>() - 0.2) < 1e-12);   // at 100 GB/s
    CHECK(rows[2]["case"] == "module down_blocks.0.resnets.0");
    CHECK(rows[2]["part"] == 1);
    CHECK(rows[3]["case"] == "step of unet 64x64, batch 2");
    CHECK(rows[3]["ms"] == 8);
    CHECK(rows[3]["host_part"] == 0.25 / 8);
}

TEST_CASE("a trace puts launches after what submitted them", "[vk]") {
    const Row trace = Row::parse(trace_of(small_step(), kPeaks, "a device"));
    double submitted = -1, waited_until = -1, first = -1, last_end = -1;
    int launches = 0;
    for (const Row& e : trace["traceEvents"]) {
        if (e["ph"] != "X") continue;
        const double begin = e["ts"], end = begin + e["dur"].get<double>();
        if (e["name"] == "submit") submitted = begin;
        if (e["name"] == "wait") waited_until = end;
        if (!e.contains("args")) continue;
        if (launches++ == 0) first = begin;
        last_end = end;
        CHECK(e["args"]["module"] == "down_blocks.0.resnets.0.conv1.weight");
    }
    CHECK(launches == 3);
    CHECK(submitted == 30000);   // after compiling
    CHECK(first >= submitted);
    CHECK(last_end <= waited_until);
}

TEST_CASE("a roofline draws each kernel once, within the picture", "[vk]") {
    Roofline roofline("a <title> & more", kPeaks);
    for (const MeasuredLaunch& l : small_step().launches)
        roofline.add(l.variant, l.dtype, l.work, l.milliseconds);
    const std::string svg = roofline.svg();
    CHECK(svg.find("a &lt;title> &amp; more") != svg.npos);
    CHECK(svg.find("83.3 % of the time, 1.60 TFLOP/s, 40 % of the limit") != svg.npos);
    CHECK(svg.find("16.7 % of the time, 20.0 GB/s, 20 % of the limit") != svg.npos);
    CHECK(svg.find("nan") == svg.npos);
    CHECK(svg.find("inf") == svg.npos);
    CHECK(svg.find("='-") == svg.npos);
    CHECK(svg.ends_with("</svg>\n"));
}

TEST_CASE("splats are measured by pass and by kernel", "[gpu]") {
    const auto device = test::test_device();
    std::vector<Row> rows;
    take(run_splats(device, {.counts = {2000}, .width = 40, .height = 24, .steps = 2}, kPeaks,
                    [&](const Row& r) { rows.push_back(r); }, {}));
    REQUIRE(rows.size() >= 2);
    double parts = 0;
    for (const Row& r : rows) {
        INFO(r.dump());
        CHECK(r["ms"] > 0);
        CHECK(r["gbs"] > 0);
        CHECK(std::abs(r["share"].get<double>() * kPeaks.copy / r["gbs"].get<double>() - 1) < 1e-9);
        parts += r.value("part", 0.0);
    }
    CHECK(rows[0]["case"] == "forward, 2000 splats 40x24");
    CHECK(rows[1]["case"] == "backward, 2000 splats 40x24");
    CHECK(rows[0]["pairs"] > 100);
    CHECK(std::abs(rows[0]["frames"].get<double>() * rows[0]["ms"].get<double>() - 1e3) < 1e-6);
    if (device->caps().timestamp_ns > 0) {
        // Eleven kernels, whose parts of either pass add up; a backward pass of three by atomics.
        const bool twice = device->caps().float_atomics;
        CHECK(rows.size() == (twice ? 17 : 13));
        CHECK(std::abs(parts - (twice ? 3 : 2)) < 1e-9);
    }
    const auto none = [](const Row&) {};
    CHECK(run_splats(device, {.counts = {0}}, kPeaks, none, {}).error().status == Status::usage);
    CHECK(run_splats(device, {.counts = {9}, .width = 32, .height = 32}, kPeaks, none,
                     [] { return true; })
              .error()
              .status == Status::interrupted);
}
