// A fit of a radiance field that is kept in a file and goes on from it.
#include <filesystem>
#include <random>
#include <unistd.h>

#include "modalities/nerf/field_file.h"
#include "modalities/nerf/field_fit.h"
#include "runtime/io/file.h"
#include "tests/nerf/ball.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

struct Folder {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("kiln-field-test-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const char* name) const { return (path / name).string(); }
};

constexpr int kCells = 16;

// Steps become finer and cells are looked at on both sides of the middle.
FieldFitOptions eventful() {
    FieldFitOptions o;
    o.field = {.half = 0.8, .levels = 4, .entries = 10, .coarsest = 8, .finest = 32};
    o.march = {.samples = 4096, .steps = 48, .cells = kCells};
    o.steps = 80, o.samples = 2048, o.coarse_steps = 20;
    o.refresh_from = 8, o.refresh_every = 4;
    return o;
}

FieldFit fresh(const FieldFitOptions& options = eventful(), size_t views = 4) {
    return take(FieldFit::create(test_device(), ball_views({.count = views}), options));
}

void run(FieldFit& fit, uint32_t until) {
    while (fit.steps() < until) take(fit.step());
}

std::vector<uint32_t> cells_of(const FieldFit& fit) {
    return {fit.cells().begin(), fit.cells().end()};
}

FieldExtent extent_of(FieldFit& fit) {
    return {fit.field().layout().end(), size_t(kCells) * kCells * kCells};
}

}   // namespace

TEST_CASE("an interrupted fit of a field that resumes makes the same bits", "[gpu]") {
    const Folder folder;
    const std::string path = folder.file("field");
    FieldFit whole = fresh();
    run(whole, 80);
    FieldFit first = fresh();
    run(first, 49);
    const double all = fresh().occupied();
    CHECK(first.occupied() < all);
    take(first.save(path));
    FieldFit second = fresh();
    run(second, 2);
    take(second.resume(path));
    CHECK(second.steps() == 49);
    CHECK(second.rays() == first.rays());
    CHECK(cells_of(second) == cells_of(first));
    CHECK(take(second.field().read()) == take(first.field().read()));
    run(second, 80);
    CHECK(take(second.field().read()) == take(whole.field().read()));
    CHECK(second.loss() == whole.loss());
    CHECK(second.rays() == whole.rays());
    CHECK(cells_of(second) == cells_of(whole));
    CHECK(whole.occupied() < first.occupied());
    // Looking at it in between changes nothing.
    FieldFit watched = fresh();
    const FitView view = ball_views()[1];
    while (!watched.done()) {
        if (watched.steps() % 7 == 0) take(watched.compare(view));
        if (watched.steps() % 9 == 0) take(watched.draw(view.camera, 20, 18, {}));
        take(watched.step());
    }
    CHECK(take(watched.field().read()) == take(whole.field().read()));
    check_silent(*test_device());
}

TEST_CASE("files that are no state of this field's fit are errors and change nothing", "[gpu]") {
    const Folder folder;
    const std::string path = folder.file("field"), broken = folder.file("broken");
    FieldFit fit = fresh();
    run(fit, 9);
    take(fit.save(path));
    run(fit, 13);
    const std::vector<float> before = take(fit.field().read());
    const std::vector<uint32_t> cells = cells_of(fit);
    const uint32_t rays = fit.rays();
    const auto refused = [](const std::string& from, FieldFit& by) {
        const Result<void> done = by.resume(from);
        return !done && done.error().status == Status::bad_file;
    };
    const std::string good = take(read_file(path));
    const auto refuses = [&](const std::string& bytes) {
        take(write_file(broken, as_bytes(bytes)));
        return refused(broken, fit);
    };
    for (size_t length = 0; length < good.size(); length += 1 + length / 3)
        CHECK(refuses(good.substr(0, length)));
    CHECK(refuses(good + "x"));
    const FieldFile file = take(read_field(path, extent_of(fit)));
    const auto altered = [&](const auto& alter) {
        FieldFile other = file;
        alter(other);
        take(write_field(broken, other));
        return refused(broken, fit);
    };
    CHECK(altered([](FieldFile& f) { f.field.parameters[5] = NAN; }));
    CHECK(altered([](FieldFile& f) { f.field.parameters[6] = -2 * kMostParameter; }));
    CHECK(altered([](FieldFile& f) { f.field.first[0] = INFINITY; }));
    CHECK(altered([](FieldFile& f) { f.field.second[7] = -1; }));
    CHECK(altered([](FieldFile& f) { f.field.second.pop_back(); }));
    CHECK(altered([](FieldFile& f) { f.densities[3] = -2; }));
    CHECK(altered([](FieldFile& f) { f.densities[4] = NAN; }));
    CHECK(altered([](FieldFile& f) { f.occupied[0] = ~0u; }));   // pictures show that it is empty
    CHECK(altered([](FieldFile& f) { f.occupied.pop_back(); }));
    CHECK(altered([](FieldFile& f) { f.rays = 0; }));
    CHECK(altered([](FieldFile& f) { f.rays = ~0u; }));
    CHECK(altered([](FieldFile& f) { f.origin++; }));
    CHECK(refused(folder.file("missing"), fit));
    CHECK(take(fit.field().read()) == before);
    CHECK(cells_of(fit) == cells);
    CHECK(fit.rays() == rays);
    CHECK(fit.steps() == 13);
    std::mt19937 random(7);
    for (int trial = 0; trial < 100; trial++) {   // whatever it says, it does not crash
        std::string bytes = good;
        bytes[random() % (trial % 2 ? bytes.size() : 800)] = char(random());
        take(write_file(broken, as_bytes(bytes)));
        (void)fit.resume(broken);
    }
    take(fit.step());
}

TEST_CASE("a field is not restored from one of other pictures, another cube or other cells",
          "[gpu]") {
    const Folder folder;
    const std::string path = folder.file("field");
    FieldFit fit = fresh();
    run(fit, 1);
    take(fit.save(path));
    const auto refused = [&](const auto& alter, size_t views = 4) {
        FieldFitOptions options = eventful();
        alter(options);
        FieldFit other = fresh(options, views);
        const Result<void> done = other.resume(path);
        return !done && done.error().status == Status::bad_file && other.steps() == 0;
    };
    using Options = FieldFitOptions;
    CHECK(refused([](Options&) {}, 3));
    CHECK(refused([](Options& o) { o.field.half = 0.81; }));
    CHECK(refused([](Options& o) { o.field.centre[2] = 0.01; }));
    CHECK(refused([](Options& o) { o.field.levels = 6; }));
    CHECK(refused([](Options& o) { o.field.directional = false; }));
    CHECK(refused([](Options& o) { o.march.cells = 8; }));
    CHECK(refused([](Options& o) { o.march.steps = 64; }));
    CHECK_FALSE(refused([](Options& o) { o.steps = 7, o.rate = 1e-2f; }));
    RadianceField field = take(RadianceField::create(test_device(), eventful().field));
    FieldState state = take(field.state());
    CHECK(state.parameters == field.layout().initial(0));
    state.first.pop_back();
    const Result<void> done = field.restore(state);
    REQUIRE_FALSE(done);
    CHECK(done.error().status == Status::usage);
}
