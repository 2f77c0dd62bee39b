// Where results go: a file the user named, or a new one named after the words and the seed.
#pragma once
#include <string>
#include <vector>

#include "plugins/sdk/host.h"

namespace kiln::app {

class Output {
public:
    // `wanted` is the value of -o: "" for a new file in the working folder, a folder for a new file
    // in it, or a file, which is replaced; its extension must be one of `kinds`, or absent, when it
    // is added. What cannot work is a Failure before anything is computed.
    Output(std::string wanted, const std::vector<sdk::Output>& kinds);

    // What the extension of -o asks for; "" where it asks for nothing.
    const std::string& media_type() const { return media_type_; }

    // What the first file will be called, without its extension; "" until it is stored.
    std::string stem() const;

    // Stores the artifact whole and returns its path. The first one takes the name that was wanted,
    // further ones NAME-2.EXT and so on; one of another kind has its own extension.
    std::string store(const sdk::ArtifactView& artifact);

private:
    const std::vector<sdk::Output>& kinds_;
    std::string folder_, file_, media_type_;   // file_ "": a new name
};

}   // namespace kiln::app
