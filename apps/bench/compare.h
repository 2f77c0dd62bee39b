// A run against an earlier one, row by row.
#pragma once
#include <map>
#include <string>

#include "apps/bench/bench.h"

namespace kiln::bench {

class Comparison {
public:
    // The rows that kiln bench --json wrote; other lines are passed over. bad_file: there are none.
    static Result<Comparison> read(const std::string& path);

    // Adds "before" (milliseconds) and "faster" (before over now) to a row that was there.
    void add_to(Row& row);

    // {bench, case, rows, faster, slower}: the geometric mean of faster, and how many rows take
    // longer than before by more than `tolerance`.
    Row summary(double tolerance) const;
    int matched() const { return int(ratios_.size()); }

private:
    std::map<std::string, double> before_;   // milliseconds
    std::vector<double> ratios_;
};

}   // namespace kiln::bench
