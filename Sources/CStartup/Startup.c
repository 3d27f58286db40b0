// What happens before any library is initialised.
#if defined(__linux__)
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "CStartup.h"

// How long a thread of libtorch spins while it waits for the others.
//
// libgomp lets it spin for milliseconds. Where another process has the core that the others need, that is time
// stolen from them, and training becomes twenty times slower. Measured on two cores with tiny-clip's training step:
// 4.8 ms on a quiet machine with 20,000 turns and with 3,000, 10 ms with none; beside one busy process 104, 23 and 9 ms.
// libgomp reads the setting when it is loaded, so it must be there before any library is initialised; a setting that
// the user made stays.
static void boundSpinning(void) { setenv("GOMP_SPINCOUNT", "3000", /*overwrite=*/0); }

// Answers `cocoop --version`, which needs no library. libtorch registers its operators when it is initialised, which
// takes 0.35 s.
static void answerVersion(int count, char **arguments) {
  static const char text[] = COCOOP_VERSION "\n";
  if (count != 2 || strcmp(arguments[1], "--version") != 0) return;
  _exit(write(STDOUT_FILENO, text, sizeof text - 1) == sizeof text - 1 ? 0 : 1);
}

// glibc passes these the arguments of main.
static void beforeLibraries(int count, char **arguments, char **environment) {
  (void)environment;
  answerVersion(count, arguments);
  boundSpinning();
}

__attribute__((section(".preinit_array"), used)) static void (*const entry)(int, char **, char **) = beforeLibraries;
#endif
