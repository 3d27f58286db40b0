// Counts by standing in for malloc and its kin, which pass everything on to glibc's own; with the address sanitizer,
// which stands there itself, by its hooks. A thread counts for itself, so that tests that run beside it don't matter.
#include "CAllocations.h"

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CA_SANITIZED 1
#endif
#endif

static _Thread_local struct {
  bool counts;
  int64_t live, peak;
} meter;

static void allocated(int64_t bytes) {
  if (!meter.counts) return;
  meter.live += bytes;
  if (meter.live > meter.peak) meter.peak = meter.live;
}

static void freed(int64_t bytes) {
  if (meter.counts) meter.live -= bytes;
}

#if defined(CA_SANITIZED)

int __sanitizer_install_malloc_and_free_hooks(
    void (*malloc_hook)(const volatile void *, size_t), void (*free_hook)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *);

static void on_malloc(const volatile void *memory, size_t bytes) {
  if (memory) allocated((int64_t)bytes);
}

static void on_free(const volatile void *memory) {
  if (memory && meter.counts) freed((int64_t)__sanitizer_get_allocated_size(memory));
}

__attribute__((constructor)) static void install(void) {
  __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
}

bool ca_counts(void) { return true; }

#elif defined(__linux__)
#include <features.h>
#if defined(__GLIBC__)
#include <errno.h>
#include <malloc.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static void *noted(void *memory) {
  if (memory && meter.counts) allocated((int64_t)malloc_usable_size(memory));
  return memory;
}

static void noteFreed(void *memory) {
  if (memory && meter.counts) freed((int64_t)malloc_usable_size(memory));
}

void *malloc(size_t bytes) { return noted(__libc_malloc(bytes)); }
void *calloc(size_t count, size_t bytes) { return noted(__libc_calloc(count, bytes)); }
void *memalign(size_t alignment, size_t bytes) { return noted(__libc_memalign(alignment, bytes)); }
void *aligned_alloc(size_t alignment, size_t bytes) { return noted(__libc_memalign(alignment, bytes)); }

int posix_memalign(void **result, size_t alignment, size_t bytes) {
  if (alignment % sizeof(void *) || alignment & (alignment - 1) || !alignment) return EINVAL;
  void *memory = memalign(alignment, bytes);
  if (!memory) return ENOMEM;
  *result = memory;
  return 0;
}

void *realloc(void *memory, size_t bytes) {
  int64_t before = memory && meter.counts ? (int64_t)malloc_usable_size(memory) : 0;
  void *moved = __libc_realloc(memory, bytes);
  if (moved || bytes == 0) freed(before);
  return noted(moved);
}

void free(void *memory) {
  noteFreed(memory);
  __libc_free(memory);
}

bool ca_counts(void) { return true; }
#else
bool ca_counts(void) { return false; }
#endif
#else
bool ca_counts(void) { return false; }
#endif

void ca_begin(void) {
  meter.live = meter.peak = 0;
  meter.counts = true;
}

int64_t ca_end(void) {
  meter.counts = false;
  return meter.peak;
}
