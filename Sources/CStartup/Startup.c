// How long a thread of libtorch spins while it waits for the others.
//
// libgomp lets it spin for milliseconds. Where another process has the core that the others need, that is time
// stolen from them, and training becomes twenty times slower. Measured on two cores with tiny-clip's training step:
// 4.8 ms on a quiet machine with 20,000 turns and with 3,000, 10 ms with none; beside one busy process 104, 23 and 9 ms.
// libgomp reads the setting when it is loaded, so it must be there before any library is initialised; a setting that
// the user made stays.
#if defined(__linux__)
#include <stdlib.h>

static void boundSpinning(void) { setenv("GOMP_SPINCOUNT", "3000", /*overwrite=*/0); }

__attribute__((section(".preinit_array"), used)) static void (*const beforeLibraries)(void) = boundSpinning;
#endif
