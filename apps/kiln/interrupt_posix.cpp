#include <atomic>
#include <csignal>

#include "apps/kiln/interrupt.h"

namespace kiln::app {

static std::atomic<bool> asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may not lock");

void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = [](int) { asked = true; };
    action.sa_flags = SA_RESETHAND;   // the second one finds the default action
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return asked; }

}   // namespace kiln::app
