#include "tests/gate/table.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

namespace kiln::test {

PipelineTable::PipelineTable(const std::string& name)
    : path_(std::string(KILN_GOLDEN_DIR) + "/pipelines/" + name + ".tsv") {
    std::ifstream file(path_);
    exists = bool(file);
    std::vector<std::string> gpus;
    for (std::string line, cell; std::getline(file, line);) {
        std::istringstream cells(line);
        std::string first;
        std::getline(cells, first, '\t');
        for (size_t column = 0; std::getline(cells, cell, '\t'); column++)
            if (first == "pipeline")
                gpus.push_back(cell);
            else if (cell != "-")
                rows_[first][gpus.at(column)] = cell;
    }
}

std::optional<Compiled> PipelineTable::find(const std::string& pipeline,
                                            const std::string& gpu) const {
    auto row = rows_.find(pipeline);
    if (row == rows_.end() || !row->second.contains(gpu)) return {};
    Compiled compiled;
    char slash = 0;
    std::istringstream(row->second.at(gpu)) >> compiled.registers >> slash >> compiled.cost;
    return compiled;
}

void PipelineTable::record(const std::string& gpu,
                           const std::map<std::string, Compiled>& pipelines) {
    for (auto& [name, row] : rows_) row.erase(gpu);
    for (const auto& [name, compiled] : pipelines) {
        char cell[64];
        std::snprintf(cell, sizeof cell, "%.0f/%.0f", compiled.registers, compiled.cost);
        rows_[name][gpu] = cell;
    }
    std::set<std::string> gpus;
    for (const auto& [name, row] : rows_)
        for (const auto& [column, cell] : row) gpus.insert(column);
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
    std::ofstream file(path_);
    file << "pipeline";
    for (const std::string& column : gpus) file << '\t' << column;
    file << '\n';
    for (const auto& [name, row] : rows_) {
        if (row.empty()) continue;
        file << name;
        for (const std::string& column : gpus)
            file << '\t' << (row.contains(column) ? row.at(column) : "-");
        file << '\n';
    }
}

}   // namespace kiln::test
