#include <catch2/matchers/catch_matchers_string.hpp>
#include <cstring>
#include <set>

#include "kernels/matmul.h"
#include "kernels/matmul_cpu.h"
#include "kernels/matmul_matrix.h"
#include "kernels/repack.h"
#include "runtime/kernel/tool/interface.h"
#include "runtime/kernel/registry.h"
#include "tests/support/device.h"

using namespace kiln;
using namespace kiln::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a header has what its shader declares", "[kernel]") {
    using namespace kernels::repack;
    const KernelSource& repack = source(Variant::main);
    CHECK(repack.name == "repack");
    CHECK(repack.variant == "main");
    REQUIRE(repack.bindings.size() == 2);
    CHECK(repack.bindings[0].access == Access::read);
    CHECK(repack.bindings[1].access == Access::write);
    CHECK(repack.push_bytes == sizeof(Args));
    CHECK(repack.constants == 1);
    CHECK(Constants{}.half == 0);

    const KernelSource& product = kernels::matmul_cpu::source(kernels::matmul_cpu::Variant::main);
    REQUIRE(product.bindings.size() > 5);
    CHECK(product.bindings[1].texel);
    CHECK_FALSE(product.bindings[4].texel);
    CHECK(kernels::matmul_cpu::Constants{}.rows == 2);
}

TEST_CASE("a launch holds operands, arguments and constants in the shader's order", "[kernel]") {
    using namespace kernels::repack;
    Operand x{.slot = 3, .size = 24}, y{.slot = 5, .size = 32, .dtype = DType::f16};
    Args args{.batch = 1, .rows = 2, .columns = 3, .out_rows = 2, .out_columns = 4};
    Launch made = launch(Variant::main, {.x = x, .y = y}, args, {.half = 7}, {9, 8, 1});
    REQUIRE(made.operands.size() == 2);
    CHECK(made.operands[0].slot == 3);
    CHECK(made.operands[1].slot == 5);
    REQUIRE(made.args.size() == sizeof args);
    CHECK(std::memcmp(made.args.data(), &args, sizeof args) == 0);
    CHECK(made.constants == std::vector<uint32_t>{7});
    CHECK(made.grid == Grid{9, 8, 1});

    PipelineDesc desc = pipeline_desc(made);
    CHECK(desc.bindings == std::vector<BindingKind>{BindingKind::storage, BindingKind::storage});
    CHECK(desc.push_bytes == sizeof args);
}

TEST_CASE("a texel binding takes the format of its operand", "[kernel]") {
    using namespace kernels::matmul_cpu;
    Operand f32{.slot = 0, .size = 64}, f16{.slot = 1, .size = 32, .dtype = DType::f16};
    const Bindings operands{.a = f32,
                            .b = f16,
                            .bias = f32,
                            .residual = f32,
                            .d = f32,
                            .statistics = f32,
                            .factors = f32};
    Launch made = launch(Variant::main, operands, {}, {}, {1, 1, 1});
    PipelineDesc desc = pipeline_desc(made);
    CHECK(desc.bindings[0] == BindingKind::texel_rgba32f);
    CHECK(desc.bindings[1] == BindingKind::texel_rgba16f);
    CHECK(desc.bindings[4] == BindingKind::storage);
}

TEST_CASE("what a launch holds is what the shader sees", "[gpu]") {
    auto device = test_device();
    using namespace kernels::repack;
    Buffer x = upload(*device, std::vector<float>{1, 2, 3, 4, 5, 6}),
           y = take(device->allocate(48, Intent::device));
    Launch made = launch(
        Variant::main, {.x = Operand{.slot = 0, .size = 24}, .y = Operand{.slot = 1, .size = 48}},
        {.batch = 1, .rows = 2, .columns = 3, .out_rows = 3, .out_columns = 4}, {}, {1, 1, 1});
    CommandList list(device);
    std::vector<Binding> bindings{{x}, {y}};
    take(list.dispatch("repack", take(device->pipeline(pipeline_desc(made))), bindings, made.args,
                       made.grid));
    take(list.finish());
    take(device->run(list));
    CHECK(download<float>(*device, y) == std::vector<float>{1, 2, 3, 0, 4, 5, 6, 0, 0, 0, 0, 0});
    check_silent(*device);
}

TEST_CASE("no kernel asks for more than the poorest device has", "[kernel]") {
    std::set<std::pair<std::string_view, std::string_view>> seen;
    for (const KernelSource* kernel : kernels::all()) {
        INFO(kernel->name << " " << kernel->variant);
        CHECK(seen.emplace(kernel->name, kernel->variant).second);
        CHECK(kernel->push_bytes <= 128);
        CHECK(kernel->bindings.size() <= 8);
        CHECK(kernel->spirv[0] == 0x07230203);
        // Vulkan 1.1, but for what only devices with 1.3 offer.
        CHECK(kernel->spirv[1] <= (kernel->name.ends_with("_matrix2") ? 0x00010600 : 0x00010300));
    }
    CHECK(seen.size() > 10);
}

TEST_CASE("a module that asks for more than was reflected is refused", "[kernel]") {
    auto words = [](const KernelSource& kernel) {
        return std::vector<uint32_t>(kernel.spirv.begin(), kernel.spirv.end());
    };
    auto matrix = words(kernels::matmul_matrix::source(kernels::matmul_matrix::Variant::main));
    auto tiles = words(kernels::matmul::source(kernels::matmul::Variant::main));
    auto repack = words(kernels::repack::source(kernels::repack::Variant::main));
    CHECK_NOTHROW(reflect::check_within(matrix, matrix));
    CHECK_THROWS_WITH(reflect::check_within(matrix, tiles),
                      ContainsSubstring("specialization constant "));
    CHECK_THROWS_WITH(reflect::check_within(tiles, repack),
                      ContainsSubstring("specialization constant 1"));
    CHECK_THROWS_WITH(reflect::check_within(repack, matrix),
                      ContainsSubstring("writable binding 1"));
    std::vector<uint32_t> shorter(repack.begin(), repack.begin() + 40);
    CHECK_THROWS_WITH(reflect::check_within(repack, shorter),
                      ContainsSubstring("does not declare"));
}
