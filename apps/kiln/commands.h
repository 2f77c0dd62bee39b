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

int devices(const Global& global, bool tune);
int models(const Global& global, const sdk::Registry& registry);
int bench(const Global& global, const sdk::Registry& registry, const std::string& what,
          double seconds);
int inspect(const Global& global, const sdk::Registry& registry, const std::string& path, bool all);
int quantize(const Global& global, const std::string& input, const std::string& output,
             const std::string& type);

}   // namespace kiln::app
