#include "apps/bench/compare.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "runtime/io/file.h"

namespace kiln::bench {

static std::string key_of(const Row& row) {
    std::string key;
    for (const char* part : {"bench", "case", "dtype"}) key += row.value(part, "") + "\n";
    return key;
}

Result<Comparison> Comparison::read(const std::string& path) {
    auto text = read_file(path);
    if (!text) return text.error();
    Comparison comparison;
    std::istringstream lines(*text);
    for (std::string line; std::getline(lines, line);) {
        const Row row = Row::parse(line, nullptr, false);
        if (row.is_object() && row.contains("case") && row.contains("ms") && row["ms"].is_number())
            comparison.before_[key_of(row)] = row["ms"];
    }
    if (comparison.before_.empty())
        return Error{Status::bad_file, path + ": no rows of kiln bench --json in it"};
    return comparison;
}

void Comparison::add_to(Row& row) {
    const auto found = before_.find(key_of(row));
    if (found == before_.end() || !row.contains("ms")) return;
    const double now = row["ms"];
    if (!(now > 0)) return;
    row["before"] = found->second;
    row["faster"] = found->second / now;
    ratios_.push_back(found->second / now);
}

Row Comparison::summary(double tolerance) const {
    double sum = 0;
    for (double ratio : ratios_) sum += std::log(ratio);
    const auto slower = std::count_if(ratios_.begin(), ratios_.end(),
                                      [&](double ratio) { return ratio < 1 / (1 + tolerance); });
    return {{"bench", "compare"},
            {"case", "all rows"},
            {"rows", ratios_.size()},
            {"faster", ratios_.empty() ? 1.0 : std::exp(sum / double(ratios_.size()))},
            {"slower", slower}};
}

}   // namespace kiln::bench
