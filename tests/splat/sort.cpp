// Prefix sums and sorts against the standard library, at the edges of blocks and levels.
#include "modalities/splat/raster/sort.h"

#include <algorithm>
#include <catch2/generators/catch_generators_all.hpp>
#include <numeric>
#include <random>

#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;

namespace {

using Words = std::vector<uint32_t>;

// `x` scanned on the device; words behind it must stay as they were.
Words scanned(const std::shared_ptr<Device>& device, Words x) {
    const uint32_t n = uint32_t(x.size());
    x.resize(n + 8, 0xdeadbeef);
    const Buffer buffer = upload(*device, x);
    const Buffer scratch =
        take(device->allocate(std::max<uint64_t>(scan_scratch(n), 1) * 4, Intent::device));
    LaunchList list(device);
    scan(list, buffer, n, scratch);
    take(list.record());
    take(list.run());
    Words y = download<uint32_t>(*device, buffer);
    CHECK(std::all_of(y.end() - 8, y.end(), [](uint32_t v) { return v == 0xdeadbeef; }));
    y.resize(n);
    return y;
}

struct Pairs {
    Words keys, values;
};

// The first `count` pairs sorted on the device, which has room for all of them.
Pairs sorted(const std::shared_ptr<Device>& device, const Pairs& pairs, uint32_t count, int bits) {
    const uint32_t capacity = uint32_t(pairs.keys.size());
    const Words poison(capacity, 0xdeadbeef);
    const SortMemory memory{
        .keys = {upload(*device, pairs.keys), upload(*device, poison)},
        .values = {upload(*device, pairs.values), upload(*device, poison)},
        .scratch = take(device->allocate(sort_scratch(capacity) * 4, Intent::device))};
    const Buffer counts = upload(*device, Words{7, count});
    LaunchList list(device);
    const int at = sort_pairs(list, memory, capacity, counts, 1, bits);
    take(list.record());
    take(list.run());
    return {download<uint32_t>(*device, memory.keys[at]),
            download<uint32_t>(*device, memory.values[at])};
}

Pairs numbered(Words keys) {
    Words values(keys.size());
    std::iota(values.begin(), values.end(), 0u);
    return {std::move(keys), std::move(values)};
}

// As std::stable_sort orders them by the lowest `bits`.
Pairs expected(const Pairs& pairs, size_t count, int bits) {
    const uint32_t mask = bits == 32 ? ~0u : (1u << bits) - 1;
    Words order(count);
    std::iota(order.begin(), order.end(), 0u);
    std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
        return (pairs.keys[a] & mask) < (pairs.keys[b] & mask);
    });
    Pairs out;
    for (uint32_t i : order)
        out.keys.push_back(pairs.keys[i]), out.values.push_back(pairs.values[i]);
    return out;
}

void check_sorted(const std::shared_ptr<Device>& device, const Pairs& pairs, size_t count,
                  int bits) {
    Pairs got = sorted(device, pairs, uint32_t(count), bits);
    const Pairs want = expected(pairs, std::min(count, pairs.keys.size()), bits);
    got.keys.resize(want.keys.size());
    got.values.resize(want.values.size());
    CHECK(got.keys == want.keys);
    CHECK(got.values == want.values);
}

Words random_keys(size_t n, uint32_t distinct) {
    std::mt19937 random(uint32_t(n) * 7 + distinct);
    Words keys(n);
    for (uint32_t& k : keys) k = distinct ? random() % distinct : random();
    return keys;
}

}   // namespace

TEST_CASE("a prefix sum is that of the standard library", "[gpu]") {
    const std::string profile = GENERATE(from_range(kProfiles));
    const size_t n = GENERATE(1, 2, 7, 127, 128, 129, 1023, 1024, 1025, 4099, 262145);
    INFO(n << " " << profile);
    auto device = test_device(profile);
    std::mt19937 random(3);
    Words x(n), want(n);
    for (uint32_t& v : x) v = random() % 1000;
    std::exclusive_scan(x.begin(), x.end(), want.begin(), 0u);
    CHECK(scanned(device, x) == want);
    check_silent(*device);
}

TEST_CASE("a prefix sum of three levels is that of the standard library", "[gpu]") {
    const size_t n = 1024 * 1024 + 1;
    Words want(n);
    std::iota(want.begin(), want.end(), 0u);
    CHECK(scanned(test_device(), Words(n, 1)) == want);
}

TEST_CASE("a prefix sum stops at 2^31 - 1 instead of wrapping round", "[gpu]") {
    const Words y = scanned(test_device(), Words(3000, 0x7fffffff));
    CHECK(y[0] == 0);
    CHECK(std::all_of(y.begin() + 1, y.end(), [](uint32_t v) { return v == 0x7fffffff; }));
}

TEST_CASE("a sort is std::stable_sort at every edge of a block", "[gpu]") {
    const std::string profile = GENERATE(from_range(kProfiles));
    const size_t n = GENERATE(1, 2, 8, 9, 127, 1023, 1024, 1025, 2047, 2049, 30011);
    const uint32_t distinct = GENERATE(0u, 1u, 5u);
    INFO(n << " keys, " << distinct << " distinct, " << profile);
    auto device = test_device(profile);
    check_sorted(device, numbered(random_keys(n, distinct)), n, 32);
    check_silent(*device);
}

TEST_CASE("a sort takes as many pairs as the device counted", "[gpu]") {
    const size_t count = GENERATE(0, 1, 1024, 1500, 3000, 99999);
    INFO(count);
    check_sorted(test_device(), numbered(random_keys(3000, 0)), count, 32);
}

TEST_CASE("a sort by few bits leaves the others alone", "[gpu]") {
    const int bits = GENERATE(4, 12, 28);
    check_sorted(test_device(), numbered(random_keys(5003, 0)), 5003, bits);
}

TEST_CASE("keys that are no numbers sort by their bits", "[gpu]") {
    const std::string profile = GENERATE(from_range(kProfiles));
    INFO(profile);
    Words keys = random_keys(4000, 0);
    const Words strange{0x7fc00000, 0xffc00000, 0x7f800001, 0x7f800000, 0xff800000,
                        0x80000000, 0x00000001, 0xffffffff, 0};
    for (size_t i = 0; i < keys.size(); i += 3) keys[i] = strange[i % strange.size()];
    check_sorted(test_device(profile), numbered(keys), keys.size(), 32);
}
