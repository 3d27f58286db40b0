/* How much memory a thread has allocated: counted where the C library's allocator is called, for tests alone. */
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H
#include <stdbool.h>
#include <stdint.h>

/// Whether this platform counts: glibc, and any with the address sanitizer.
bool ca_counts(void);
/// Counts the calling thread's allocations from 0.
void ca_begin(void);
/// Ends the counting.
///
/// Returns the most bytes that were allocated at one time and not yet freed.
int64_t ca_end(void);

#endif
