// The flags of a command, made from the schema of its request.
#pragma once
#include <CLI/CLI.hpp>
#include <list>
#include <string>
#include <vector>

#include "plugins/sdk/host.h"

namespace kiln::app {

// The flag that a property answers to: "--clip-skip"; the property's name in capitals if it is
// positional.
std::string flag_name(const std::string& property, const sdk::Json& schema);

struct Filled {
    sdk::Json request;                  // with defaults, checked
    std::vector<sdk::HostBlob> blobs;   // the files of its file-valued properties
};

class Flags {
public:
    // Adds an option to `command` for each property. Must outlive the parse.
    Flags(CLI::App& command, const sdk::Json& schema);

    // After the parse. What is wrong is a Failure (KILN_USAGE) that names each flag; a file that
    // cannot be read is one of KILN_BAD_FILE.
    Filled fill() const;

private:
    struct Flag {
        std::string property;
        const sdk::Json& schema;
        CLI::Option *option, *opposite;   // opposite: --no-X of a boolean
        std::vector<std::string> values;
    };
    sdk::Json value_of(const Flag& flag, std::vector<sdk::HostBlob>& blobs) const;

    const sdk::Json& schema_;
    std::list<Flag> flags_;   // the parser keeps pointers to values
};

}   // namespace kiln::app
