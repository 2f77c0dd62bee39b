// What a driver makes of each pipeline, in a table that is kept with the tests: a line a pipeline,
// a column a GPU, "registers/cost" each.
#pragma once
#include <map>
#include <optional>
#include <string>

namespace kiln::test {

struct Compiled {
    double registers = 0, cost = 0;   // vector registers; the driver's inverse throughput
    double spills = 0, scratch = 0;   // registers; bytes. Never recorded: both are none
};

class PipelineTable {
public:
    // tests/golden/pipelines/NAME.tsv; without the file `exists` is false and nothing is recorded.
    explicit PipelineTable(const std::string& name);

    bool exists = false;
    std::optional<Compiled> find(const std::string& pipeline, const std::string& gpu) const;
    // Replaces the column of `gpu` and writes the file.
    void record(const std::string& gpu, const std::map<std::string, Compiled>& pipelines);

private:
    std::string path_;
    std::map<std::string, std::map<std::string, std::string>> rows_;   // pipeline, gpu
};

}   // namespace kiln::test
