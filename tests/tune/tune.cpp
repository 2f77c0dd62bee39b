// Tuning: what is wrong is found and left out, what is right is measured, and both are kept.
#include "runtime/tune/tune.h"

#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <thread>

#include "runtime/graph/graph.h"
#include "runtime/io/json.h"
#include "runtime/ops/ops.h"
#include "runtime/tune/tuner.h"
#include "tests/io/files.h"
#include "tests/support/retuned.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

// 2 x, by a variant that does so and by one, thought to be faster, that computes 3 x.
class Twice : public Op {
public:
    explicit Twice(const Tensor& x) : right_(affine(x, 2, 0)), wrong_(affine(x, 3, 0)) {}
    std::string_view name() const override { return "twice"; }
    void lower(Lowering& lowering, const Node&, const Tensor& out) const override {
        const double right = lowering.tuning().speed("twice.right", 1),
                     wrong = lowering.tuning().speed("twice.wrong", 2);
        if (right <= 0 && wrong <= 0) throw ModelError("[twice] no variant is left");
        const Node& node = *(wrong > right ? wrong_ : right_).value().node;
        node.op->lower(lowering, node, out);
    }

private:
    Tensor right_, wrong_;
};

Tensor twice(const std::vector<float>& values) {
    const Tensor x = constant({int64_t(values.size())}, values);
    return compute(std::make_shared<Twice>(x), {x}, x.shape(), DType::f32);
}

std::vector<Probe> tests_of_twice(double factor) {
    Probe probe{"twice.", "doubling", twice({1, 2, -3, 4}), {}, 1e-6};
    for (double x : {1, 2, -3, 4}) probe.expected.push_back(factor * x);
    return {probe};
}

std::vector<Probe> speeds_of_twice() {
    return {{"twice.", "doubling a thousand", twice(std::vector<float>(1000, 1)), {}, 0, 1000}};
}

std::vector<std::string> warnings;
TuneOptions quiet(const std::string& folder = "") {
    warnings.clear();
    return {.folder = folder, .log = [](LogLevel level, std::string_view text) {
                if (level >= LogLevel::warning) warnings.emplace_back(text);
            }};
}

std::string only_file(const TemporaryFolder& folder) {
    REQUIRE(folder.count() == 1);
    return std::filesystem::directory_iterator(folder.path)->path().string();
}

}   // namespace

TEST_CASE("a wrong variant is disabled with its error, and not used", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    CHECK(take(evaluate(device, twice({5}))) == std::vector<float>{15});
    const TuneOptions options = quiet();
    Tuner tuner(device, options, TuningFile(device->caps(), ""));
    take(tuner.run({}, tests_of_twice(2), speeds_of_twice()));
    const Tuning tuning = tuner.record().tuning;
    CHECK(tuner.record().complete());
    CHECK(tuning.speed("twice.wrong", 2) == 0);
    CHECK(tuning.speed("twice.right", 0) > 0);
    CHECK(tuning.measured().at("twice.wrong").reason == "wrong by 0.500000 in doubling");
    CHECK(warnings == std::vector<std::string>{"twice.wrong is not used on this device: wrong by "
                                               "0.500000 in doubling"});
    device->set_tuning(tuning);
    CHECK(take(evaluate(device, twice({5}))) == std::vector<float>{10});
}

TEST_CASE("a device that computes something wrongly with every variant is refused", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    const TuneOptions options = quiet();
    Tuner tuner(device, options, TuningFile(device->caps(), ""));
    const auto tuning = tuner.run({}, tests_of_twice(7), {});
    REQUIRE(!tuning);
    CHECK(tuning.error().status == Status::no_device);
    CHECK(tuning.error().message.find("computes twice wrongly") != std::string::npos);
}

TEST_CASE("a variant at which a process ended is not tried again", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    const TuneOptions options = quiet();
    Tuner tuner(device, options, TuningFile(device->caps(), ""));
    const TuningRecord ended{.tuning = {}, .trying = "twice.wrong", .outcomes = {}, .total = 2};
    take(tuner.run(ended, tests_of_twice(2), {}));
    CHECK(tuner.record().tuning.measured().at("twice.wrong").reason ==
          "the driver failed in its test");
    CHECK(tuner.record().complete());
}

TEST_CASE("without time, what is untested goes unused where something else is left", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    TuneOptions options = quiet();
    options.seconds = 0;
    Tuner tuner(device, options, TuningFile(device->caps(), ""));
    take(tuner.run({}, tests_of_twice(2), speeds_of_twice()));
    CHECK(tuner.record().tuning.measured().empty());
    CHECK(!tuner.record().complete());
}

TEST_CASE("a start goes on where the last one ran out of time", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    TemporaryFolder folder;
    const TuningFile file(device->caps(), folder.path.string());
    TuneOptions options = quiet();
    int tried = 0;
    options.seconds = 600;
    options.progress = [&](int done, int) {   // there is time for as many trials as asked for
        if (done >= tried) options.seconds = 0;
    };
    TuningRecord left;
    auto start = [&](int trials) {
        options.seconds = trials ? 600 : 0;
        tried = int(left.outcomes.size()) + trials;
        Tuner tuner(device, options, file);
        take(tuner.run(left, tests_of_twice(2), speeds_of_twice()));
        take(file.write(tuner.record()));
        left = file.read().value();
        return left.tuning;
    };
    // What promises most is tried first: the wrong one.
    CHECK(start(1).measured().at("twice.wrong").reason == "wrong by 0.500000 in doubling");
    CHECK(left.outcomes.size() == 2);   // nor is it measured
    CHECK(left.total == 4);
    const auto kept = kept_tuning(device->caps(), folder.path.string());
    REQUIRE(kept);
    CHECK(kept->done == 2);
    CHECK(kept->total == 4);
    CHECK(start(0).speed("twice.wrong", 2) == 0);   // although not tried again
    CHECK(start(1).speed("twice.wrong", 2) == 0);
    CHECK(left.outcomes.at("twice.right: doubling") == kPassed);
    CHECK(!left.complete());
    CHECK(start(2).speed("twice.right", 0) > 0);
    CHECK(left.complete());
    CHECK(warnings.size() == 1);
}

TEST_CASE("a device is tuned once, and tuned again on demand", "[gpu]") {
    auto device = test_device(GENERATE("", "minimal"));
    INFO(device->caps().profile);
    Retuned restored(device, {});
    TemporaryFolder folder;
    TuneOptions options = quiet(folder.path.string());
    options.seconds = 600;   // on busy machines, too
    int calls = 0;
    options.progress = [&](int done, int total) {
        CHECK(done < total);
        calls++;
    };
    CHECK(!kept_tuning(device->caps(), options.folder));
    take(tune(device, options));
    CHECK(warnings.empty());
    CHECK(calls > 10);
    int fastest = 0;
    for (const auto& [variant, measured] : device->tuning().measured()) {
        INFO(variant << " " << measured.reason);
        CHECK(measured.speed > 0);
        fastest += measured.speed >= 1;
    }
    CHECK(fastest > 0);

    const auto kept = kept_tuning(device->caps(), options.folder);
    REQUIRE(kept);
    CHECK(kept->done == kept->total);
    CHECK(int(kept->total) == calls);
    CHECK(kept->tuning.measured().size() == device->tuning().measured().size());
    calls = 0;
    device->set_tuning({});
    take(tune(device, options));
    CHECK(calls == 0);
    CHECK(device->tuning().measured().size() == kept->tuning.measured().size());
    options.again = true;
    options.seconds = 0;
    take(tune(device, options));
    CHECK(calls > 10);
    CHECK(kept_tuning(device->caps(), options.folder)->done == 0);
    options.again = false;
    options.seconds = 600;
    take(tune(device, options));
    CHECK(kept_tuning(device->caps(), options.folder)->done == kept->total);
    check_silent(*device);
}

TEST_CASE("a process that finds another one tuning takes over what that keeps", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    TemporaryFolder folder;
    const TuningFile file(device->caps(), folder.path.string());
    auto lock = take(file.lock());
    REQUIRE(lock);
    CHECK(!take(file.lock()));
    take(file.write({.tuning = {}, .trying = "matmul.shared 64x64", .outcomes = {}, .total = 1}));
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        TuningRecord record;
        record.tuning.set("matmul.shared 64x64", {0.5, ""});
        (void)file.write(record);
        lock.reset();
    });
    TuneOptions options = quiet(folder.path.string());
    options.progress = [](int, int) { FAIL("there is nothing to measure"); };
    take(tune(device, options));
    other.join();
    CHECK(device->tuning().speed("matmul.shared 64x64", 1) == 0.5);

    lock = take(file.lock());
    options.seconds = 0.1;
    take(file.write({.tuning = {}, .trying = "", .outcomes = {}, .total = 1}));
    device->set_tuning({});
    take(tune(device, options));   // does without
    CHECK(device->tuning().measured().empty());
    options.cancelled = [] { return true; };
    CHECK(tune(device, options).error().status == Status::interrupted);
}

TEST_CASE("a spoiled file, or one of another build, is made anew", "[gpu]") {
    auto device = test_device();
    Retuned restored(device, {});
    TemporaryFolder folder;
    const TuningFile file(device->caps(), folder.path.string());
    TuningRecord record;
    record.tuning.set("matmul.shared 64x64", {0.5, ""});
    take(file.write(record));
    REQUIRE(file.read());
    CHECK(file.read()->tuning.speed("matmul.shared 64x64", 1) == 0.5);
    const std::string path = only_file(folder), good = take(read_file(path));
    auto document = take(parse_json(good, path));
    document["build"] = "0123456789abcdef";
    for (const std::string& bad :
         {document.dump(), std::string(), good.substr(0, good.size() / 2), std::string("[]"),
          std::string(R"({"build": 3})"), std::string(1 << 21, ' ')}) {
        take(write_file(path, as_bytes(bad)));
        CHECK(!file.read());
    }
    document = take(parse_json(good, path));
    for (const nlohmann::json& speed :
         {nlohmann::json(-1), nlohmann::json(1e300), nlohmann::json()}) {
        document["variants"]["matmul.shared 64x64"]["speed"] = speed;
        take(write_file(path, as_bytes(document.dump())));
        CHECK(!file.read());
    }
}
