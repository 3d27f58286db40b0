#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

/* An archive inside another: what libarchive asks of `inner` comes from the entry at which `outer` stands, block by
   block, so that neither memory nor disk holds it whole. */
static inline la_ssize_t carchive_read_entry(struct archive *inner, void *outer, const void **bytes) {
  size_t size = 0;
  la_int64_t offset = 0;
  for (;;) {
    int code = archive_read_data_block((struct archive *)outer, bytes, &size, &offset);
    if (code == ARCHIVE_EOF) return 0;
    if (code != ARCHIVE_OK) {
      archive_set_error(inner, EINVAL, "%s", archive_error_string((struct archive *)outer));
      return ARCHIVE_FATAL;
    }
    if (size > 0) return (la_ssize_t)size;
  }
}

/* Opens `inner` on the contents of the current entry of `outer`. */
static inline int carchive_open_entry(struct archive *inner, struct archive *outer) {
  return archive_read_open(inner, outer, NULL, carchive_read_entry, NULL);
}

/* Makes this thread read names as UTF-8 and other bytes, and returns the locale that it had; libarchive converts names
   to the thread's locale, and in C's own nothing but ASCII fits. */
static inline locale_t carchive_use_utf8(locale_t *made) {
  *made = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  if (*made == (locale_t)0) *made = newlocale(LC_CTYPE_MASK, "en_US.UTF-8", (locale_t)0);
  return *made == (locale_t)0 ? (locale_t)0 : uselocale(*made);
}

static inline void carchive_restore(locale_t earlier, locale_t made) {
  if (made == (locale_t)0) return;
  uselocale(earlier);
  freelocale(made);
}

/* Waits until everything written to the disk of this open file is on it. The declaration is missing where headers were
   included without GNU's extensions. */
static inline int carchive_sync_disk(int file) {
#if defined(__linux__)
  extern int syncfs(int file);
  return syncfs(file);
#else
  (void)file;
  return 0;
#endif
}
