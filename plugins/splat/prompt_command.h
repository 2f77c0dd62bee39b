// kiln splat PROMPT: a shape from words.
#pragma once
#include "modalities/image/prior.h"
#include "plugins/splat/outcome.h"

namespace kiln::splat_plugin {

// Keeps the prior from one request to the next. Interrupted, hands over what there is and the state
// to go on from, then throws a Failure (KILN_INTERRUPTED).
class PromptCommand {
public:
    void run(Json request, const sdk::Request& files, const Wanted& wanted,
             builtin::Session& session, const sdk::Events& events);

private:
    Prior& prior(const Json& request, const std::string& model, builtin::Session& session,
                 const sdk::Events& events);
    builtin::Kept<std::unique_ptr<ImagePrior>> prior_;
};

}   // namespace kiln::splat_plugin
