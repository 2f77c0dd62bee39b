// Graph: the launches for one shape signature. Compiled once (fused, lowered, placed in memory,
// recorded), then replayed; a replay writes inputs, runs, and reads outputs.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtime/graph/node.h"
#include "runtime/graph/placing.h"
#include "runtime/vk/command_list.h"
#include "runtime/vk/device.h"

namespace kiln {

// Memory for intermediates that several graphs take turns in using. Two graphs that share a
// workspace must not rely on each other's intermediates or outputs across a run.
class Workspace {
public:
    explicit Workspace(std::shared_ptr<Device> device) : device_(std::move(device)) {}
    // Blocks of at least the given sizes, grown when needed; earlier graphs keep what they had.
    Result<std::vector<Buffer>> blocks(const std::vector<uint64_t>& sizes);
    // Memory goes back when the last graph using it does. False: there was none.
    bool release() { return !std::exchange(blocks_, {}).empty(); }

private:
    std::shared_ptr<Device> device_;
    std::vector<Buffer> blocks_;
};

struct GraphOptions {
    bool fuse = true;
    bool timed = false;                     // a timestamp pair around every launch
    std::shared_ptr<Workspace> workspace;   // empty: the graph owns its intermediates
    Placing weights = Placing::automatic;
    Bringing bringing = Bringing::automatic;
};

// Device memory that a graph would take beyond what is resident already, in bytes.
struct GraphNeeds {
    uint64_t values;          // intermediates, inputs, constants and outputs
    uint64_t weights;         // all of them resident
    uint64_t least_weights;   // streamed as far as can be
    uint64_t small_weights;   // those that Placing::host keeps
    uint64_t least(Placing placing = Placing::streamed) const {
        return values + std::min(weights, placing == Placing::host ? small_weights : least_weights);
    }
};

struct GraphStats {
    size_t launches = 0, barriers = 0, pipelines = 0;
    uint64_t intermediate_bytes = 0;   // of the planned arena
    uint64_t unshared_bytes = 0;       // what it would be without reuse
    uint64_t streamed_bytes = 0;       // of weights, brought anew in each run
    size_t segments = 0;               // in which they come; 0: none do
    uint64_t in_place_bytes = 0;       // of weights that kernels read in the host's memory
};

// One launch of a graph, for measurements.
struct LaunchReport {
    std::string_view kernel;    // the shader
    std::string_view variant;   // of its operator: "matmul.shared 64x64", or "softmax f16"
    std::string_view path;      // of the module
    std::string_view shape;
    DType dtype;
    Work work;
};

class Graph {
public:
    // Everything that `outputs` need. Throws ModelError for what cannot be built; memory and device
    // failures are Results. Distinct inputs keep their names; writing an unknown one is an error.
    static Result<Graph> compile(std::shared_ptr<Device> device, std::vector<Tensor> outputs,
                                 const GraphOptions& options = {});
    // What compile() would take; nothing is allocated.
    static GraphNeeds needs(Device& device, std::vector<Tensor> outputs,
                            const GraphOptions& options = {});
    Graph(Graph&&) noexcept;
    Graph& operator=(Graph&&) noexcept;
    ~Graph();

    // `values` are converted to the input's dtype; the count must be the shape's.
    Result<void> write(const Tensor& input, std::span<const float> values);
    Result<void> write_i32(const Tensor& input, std::span<const int32_t> values);
    Result<void> run(const std::function<bool()>& cancelled = {});
    Result<std::vector<float>> read(size_t output = 0) const;
    Result<void> read(std::span<float> values, size_t output = 0) const;   // as many as it has

    const GraphStats& stats() const;
    std::vector<LaunchReport> launches() const;
    std::vector<KernelTime> times() const;   // of the last run, by launch; empty unless timed
    std::span<const Submission> submissions() const;   // of the last run
    std::string dump() const;                          // one launch a line: kernel, operands, grid

private:
    struct State;
    explicit Graph(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Compiles, runs once and reads one tensor without inputs: for tests and tools.
Result<std::vector<float>> evaluate(std::shared_ptr<Device> device, const Tensor& tensor,
                                    const GraphOptions& options = {});

}   // namespace kiln
