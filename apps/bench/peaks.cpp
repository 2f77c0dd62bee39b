#include "apps/bench/peaks.h"

#include <algorithm>
#include <optional>

#include "kernels/peak_copy.h"
#include "kernels/peak_fma.h"
#include "kernels/peak_matrix.h"
#include "runtime/vk/command_list.h"

namespace kiln::bench {
namespace {

// Long enough to tell, short enough for the slowest device to stay within one submission.
constexpr double kTelling = 10;   // milliseconds
constexpr int kRepeats = 5;

class Stand {
public:
    Stand(std::shared_ptr<Device> device, const std::function<bool()>& cancelled)
        : device_(std::move(device)), cancelled_(cancelled) {}

    Buffer memory(uint64_t bytes) {
        Buffer buffer = take(device_->allocate(bytes, Intent::device, Sharing::apart));
        const std::vector<std::byte> zeros(size_t(std::min<uint64_t>(bytes, 1 << 20)));
        for (uint64_t at = 0; at < bytes; at += zeros.size()) {
            uint64_t part = std::min<uint64_t>(zeros.size(), bytes - at);
            take(device_->write(buffer.slice(at, part), zeros.data(), part));
        }
        return buffer;
    }

    // Milliseconds of the fastest of some runs.
    double time(const Launch& launch, const std::vector<Binding>& bindings) {
        CommandList list(device_, true);
        take(list.dispatch("peak", take(device_->pipeline(pipeline_desc(launch))), bindings,
                           launch.args, launch.grid));
        return time(list);
    }

    double time(CommandList& list) {
        take(list.finish());
        double best = 0;
        for (int i = 0; i <= kRepeats; i++) {   // the first warms up
            take(device_->run(list, cancelled_));
            double took = list.times().empty() ? 0 : list.times()[0].milliseconds;
            const Submission& all = list.submissions()[0];
            if (took <= 0) took = all.finished - all.submitted;
            if (i > 0 && (best == 0 || took < best)) best = took;
        }
        return best;
    }

    // Operations a millisecond, with as many workgroups as make it last.
    template <class F>
    double fastest(double flops_a_group, const F& milliseconds_of) {
        const uint32_t most = std::min<uint32_t>(device_->caps().workgroup_count[0], 1 << 15);
        double best = 0;
        for (uint32_t groups = 32; groups <= most; groups *= 4) {
            double took = milliseconds_of(groups);
            best = std::max(best, flops_a_group * groups / took);
            if (took >= kTelling) break;
        }
        return best;
    }

private:
    std::shared_ptr<Device> device_;
    const std::function<bool()>& cancelled_;
};

// The better of a kernel and of the driver's own copy, in GB/s.
double copy_peak(Stand& stand, const std::shared_ptr<Device>& device) {
    using namespace kernels::peak_copy;
    const uint64_t bytes =
        std::min({device->caps().binding_range, device->room() / 4, uint64_t(256) << 20}) / 8192 *
        8192;
    const Buffer x = stand.memory(bytes), y = stand.memory(bytes);
    const uint32_t count = uint32_t(bytes / 16);
    CommandList list(device);
    take(list.copy(x, y));
    double took = std::min(stand.time(launch(Variant::main, {.x = Operand{}, .y = Operand{}},
                                             {.count = count}, {div_up(count, 512), 1, 1}),
                                      {{x}, {y}}),
                           stand.time(list));
    return 2 * double(bytes) / took / 1e6;
}

double fma_peak(Stand& stand, kernels::peak_fma::Variant variant, double flops_a_round) {
    constexpr uint32_t kRounds = 2048, kGroup = 128;
    return stand.fastest(flops_a_round * kRounds * kGroup, [&](uint32_t groups) {
        const Buffer y = stand.memory(groups * kGroup * sizeof(float));
        return stand.time(kernels::peak_fma::launch(
                              variant, {.y = Operand{}},
                              {.rounds = kRounds, .factor = 0.5f, .shift = 0.25f}, {groups, 1, 1}),
                          {{y}});
    }) / 1e6;
}

std::optional<MatrixShape> matrix_of(const Caps& caps) {
    for (const MatrixShape& shape : caps.matrices)
        if (shape.a == MatrixEntry::f16 && shape.b == MatrixEntry::f16 &&
            shape.c == MatrixEntry::f32 && shape.d == MatrixEntry::f32)
            return shape;
    return {};
}

double matrix_peak(Stand& stand, const Caps& caps, const MatrixShape& shape) {
    using namespace kernels::peak_matrix;
    constexpr uint32_t kRounds = 1024, kSubgroups = 4;
    const Buffer a = stand.memory(2 * sizeof(uint16_t) * shape.m * shape.k),
                 b = stand.memory(2 * sizeof(uint16_t) * shape.k * shape.n);
    const Constants constants{.local_x = kSubgroups * caps.subgroup_size,
                              .subgroup = caps.subgroup_size,
                              .m = shape.m,
                              .n = shape.n,
                              .k = shape.k};
    const double flops = 8.0 * shape.m * shape.n * shape.k * kRounds * kSubgroups;
    return stand.fastest(flops, [&](uint32_t groups) {
        const Buffer d =
            stand.memory(uint64_t(groups) * kSubgroups * shape.m * shape.n * sizeof(float));
        Launch launch = kernels::peak_matrix::launch(
            Variant::main, {.a = Operand{}, .b = Operand{}, .d = Operand{}}, {.rounds = kRounds},
            constants, {groups, 1, 1});
        if (caps.subgroup_size_control) launch.subgroup_size = caps.subgroup_size;
        return stand.time(launch, {{a}, {b}, {d}});
    }) / 1e6;
}

}   // namespace

double Peaks::compute(DType storage) const {
    if (storage == DType::f16) return std::max({f32, f16, matrix});
    return storage == DType::bf16 ? std::max(f32, matrix) : f32;
}

double Peaks::milliseconds(const Work& work, DType storage) const {
    return std::max(work.flops / compute(storage), work.bytes / copy) / 1e6;
}

Result<Peaks> measure_peaks(const std::shared_ptr<Device>& device,
                            const std::function<bool()>& cancelled) try {
    using kernels::peak_fma::Variant;
    constexpr double kRound = 2 * 8 * 8;   // flops of one element: lanes, chains, unrolled
    const Caps& caps = device->caps();
    Stand stand(device, cancelled);
    Peaks peaks;
    peaks.copy = copy_peak(stand, device);
    peaks.f32 = fma_peak(stand, Variant::f32, kRound);
    if (caps.fp16) peaks.f16 = fma_peak(stand, Variant::f16, 2 * kRound);
    if (auto shape = matrix_of(caps)) peaks.matrix = matrix_peak(stand, caps, *shape);
    return peaks;
} catch (const ResultError& e) {
    return e.error;
}

}   // namespace kiln::bench
