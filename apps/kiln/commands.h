// The commands of kiln. Each returns the exit status or throws sdk::Failure.
#pragma once
#include <string>
#include <vector>

#include "apps/kiln/flags.h"
#include "apps/kiln/global.h"
#include "plugins/sdk/registry.h"

namespace kiln::app {

// One run of a plugin: `filled` to artifacts, with progress, stored as -o says.
int generate(const Global& global, const sdk::Plugin& plugin, const Filled& filled,
             const std::string& output);

struct BenchOptions {
    std::string what = "ops";
    double seconds = 0.5;
    std::string model, size, precision;   // size: "512" or "768x512"; empty: as the model has it
    int batch = 0, steps = 5;
    std::vector<int> splats;                  // how many; empty: several sizes
    std::string compare, profile, roofline;   // files; empty: none
    double tolerance = 10;                    // percent
};

int devices(const Global& global, bool tune);
int models(const Global& global, const sdk::Registry& registry);
// 1 when a row takes longer than in the file to compare with, by more than the tolerance.
int bench(const Global& global, const sdk::Registry& registry, const BenchOptions& options);
int inspect(const Global& global, const sdk::Registry& registry, const std::string& path, bool all);
int quantize(const Global& global, const std::string& input, const std::string& output,
             const std::string& type);

}   // namespace kiln::app
