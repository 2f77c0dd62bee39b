// Ctrl-C: the first asks the run to end within a step, the second ends the process.
#pragma once

namespace kiln::app {

void catch_interrupts();   // SIGINT and SIGTERM, from now on
bool interrupted();        // from any thread

}   // namespace kiln::app
