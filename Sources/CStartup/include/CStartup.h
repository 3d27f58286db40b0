#pragma once

/// The version of this package. It is written here and nowhere else: the tool prints it, and archives, wheels and the
/// manual page read it from this line.
#define COCOOP_VERSION "0.1.0"
