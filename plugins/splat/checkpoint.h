// When the state of a run is kept, and where.
#pragma once
#include <functional>
#include <string>

#include "plugins/builtin/request.h"

namespace kiln::splat_plugin {

class Checkpoint {
public:
    // Writes the state into a file, whole or not at all.
    using Save = std::function<Result<void>(const std::string& path)>;

    // By the request's "checkpoint" and "checkpoint_every". `scratch` is a folder for a file that
    // is gone again at once; "": none.
    Checkpoint(const builtin::Json& request, std::string scratch, Save save);

    // After a step: saves when it is time. Throws a ResultError.
    void after(uint32_t step) const;
    // At the end: saves into the file of the request.
    void finish() const;
    // When the run is interrupted: saves into that file, else hands the state over, to lie beside
    // the result. Says what goes on from it.
    void interrupt(const std::string& name, const sdk::Options& options,
                   const sdk::Events& events) const;

private:
    std::string file_, scratch_;
    uint32_t every_;
    Save save_;
};

}   // namespace kiln::splat_plugin
