/*
 * HEIC and AVIF by libheif, which is looked for at run time: the package builds and runs without it.
 *
 * The few declarations are those of libheif's stable C interface (`libheif/heif.h`, version 1). Turns and mirrors that
 * the file asks for are applied by the library, as the standard says.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "codecs.h"

typedef struct {
  int code, subcode;
  const char *message;
} heif_error;

typedef struct {
  void *(*context_alloc)(void);
  void (*context_free)(void *);
  heif_error (*read_memory)(void *context, const void *bytes, size_t count, const void *options);
  heif_error (*primary)(void *context, void **handle);
  void (*handle_release)(const void *handle);
  int (*handle_width)(const void *handle);
  int (*handle_height)(const void *handle);
  heif_error (*decode)(const void *handle, void **image, int colour_space, int chroma, const void *options);
  const uint8_t *(*plane)(const void *image, int channel, int *stride);
  int (*plane_width)(const void *image, int channel);
  int (*plane_height)(const void *image, int channel);
  void (*image_release)(const void *image);
} interface;

enum {
  COLOUR_SPACE_RGB = 1,
  CHROMA_INTERLEAVED_RGB = 10,
  CHANNEL_INTERLEAVED = 10,
  ERROR_UNSUPPORTED_FILE = 3,
  ERROR_UNSUPPORTED_FEATURE = 4, /* such as a codec whose plugin is missing */
};

static interface library;
static ic_status loading;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void) {
#ifdef __APPLE__
  static const char *const names[] = {"libheif.1.dylib", "/opt/homebrew/lib/libheif.1.dylib",
                                      "/usr/local/lib/libheif.1.dylib"};
#else
  static const char *const names[] = {"libheif.so.1"};
#endif
  void *file = NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names && !file; i++) file = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    const char *reason = dlerror();
    loading = ic_failure(IC_NO_LIBRARY, "%s", reason ? reason : "libheif.so.1 was not found");
    return;
  }
  const struct {
    const char *name;
    void *place;
  } functions[] = {
      {"heif_context_alloc", &library.context_alloc},
      {"heif_context_free", &library.context_free},
      {"heif_context_read_from_memory_without_copy", &library.read_memory},
      {"heif_context_get_primary_image_handle", &library.primary},
      {"heif_image_handle_release", &library.handle_release},
      {"heif_image_handle_get_width", &library.handle_width},
      {"heif_image_handle_get_height", &library.handle_height},
      {"heif_decode_image", &library.decode},
      {"heif_image_get_plane_readonly", &library.plane},
      {"heif_image_get_width", &library.plane_width},
      {"heif_image_get_height", &library.plane_height},
      {"heif_image_release", &library.image_release},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    void *function = dlsym(file, functions[i].name);
    if (!function) {
      loading = ic_failure(IC_NO_LIBRARY, "this libheif has no %s", functions[i].name);
      return;
    }
    memcpy(functions[i].place, &function, sizeof function);
  }
  loading = ic_success();
}

/* libheif's first words name the kind, the next the cause. */
static ic_status failure(heif_error error) {
  const char *words = error.message ? error.message : "libheif cannot read it";
  int is_unsupported = error.code == ERROR_UNSUPPORTED_FILE || error.code == ERROR_UNSUPPORTED_FEATURE;
  return ic_failure(is_unsupported ? IC_UNSUPPORTED : IC_DAMAGED, "%s", words);
}

static ic_status read_image(const void *handle, ic_size size, rows *target) {
  void *image = NULL;
  heif_error error = library.decode(handle, &image, COLOUR_SPACE_RGB, CHROMA_INTERLEAVED_RGB, NULL);
  if (error.code) return failure(error);
  int stride = 0;
  const uint8_t *plane = library.plane(image, CHANNEL_INTERLEAVED, &stride);
  ic_status status = ic_success();
  if (!plane || library.plane_width(image, CHANNEL_INTERLEAVED) != (int)size.width ||
      library.plane_height(image, CHANNEL_INTERLEAVED) != (int)size.height)
    status = ic_failure(IC_DAMAGED, "its header and its picture disagree about the size");
  for (size_t y = 0; y < size.height && status.code == IC_OK; y++) {
    memcpy(rows_room(target, y), plane + y * (size_t)stride, (size_t)size.width * 3);
    rows_filled(target, y);
  }
  library.image_release(image);
  return status;
}

/* Opens the file, tells the size of its first picture, and reads that where there is a `target`. */
static ic_status read_file(const uint8_t *bytes, size_t count, ic_size *size, rows *target) {
  pthread_once(&once, load);
  if (loading.code != IC_OK) return loading;
  void *context = library.context_alloc(), *handle = NULL;
  if (!context) return no_memory(0);
  heif_error error = library.read_memory(context, bytes, count, NULL);
  if (!error.code) error = library.primary(context, &handle);
  ic_status status = ic_success();
  if (error.code) {
    status = failure(error);
  } else {
    int width = library.handle_width(handle), height = library.handle_height(handle);
    ic_size found = {width > 0 ? (uint32_t)width : 0, height > 0 ? (uint32_t)height : 0};
    if (!target) *size = found;
    else if (found.width != size->width || found.height != size->height)
      status = ic_failure(IC_DAMAGED, "its size changed while it was read");
    else status = read_image(handle, *size, target);
    library.handle_release(handle);
  }
  library.context_free(context);
  return status;
}

ic_status heif_size(const uint8_t *bytes, size_t count, ic_size *size) { return read_file(bytes, count, size, NULL); }

ic_status heif_decode(const uint8_t *bytes, size_t count, ic_size size, rows *target) {
  return read_file(bytes, count, &size, target);
}
