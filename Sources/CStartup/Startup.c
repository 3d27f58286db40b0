// How long a thread of libtorch spins while it waits for the others.
//
// libgomp lets it spin for milliseconds. Where another process has the core that the others need, that is time
// stolen from them, and training becomes ten times slower. Twenty thousand turns, some tens of microseconds, cost
// nothing on a quiet machine and bound the loss on a busy one. libgomp reads the setting when it is loaded, so it
// must be there before any library is initialised; a setting that the user made stays.
#if defined(__linux__)
#include <stdlib.h>

static void boundSpinning(void) { setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0); }

__attribute__((section(".preinit_array"), used)) static void (*const beforeLibraries)(void) = boundSpinning;
#endif
