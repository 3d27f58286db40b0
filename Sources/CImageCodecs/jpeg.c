/* JPEG by libjpeg-turbo, with its defaults (accurate integer DCT, triangle upsampling of chroma). */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

#include "codecs.h"

/* A progressive file may hold scans without end, each of them cheap to store and dear to decode; real ones have ten. */
enum { SCAN_LIMIT = 500 };

typedef struct {
  struct jpeg_decompress_struct codec;
  struct jpeg_error_mgr errors;
  struct jpeg_source_mgr source;
  struct jpeg_progress_mgr progress;
  jmp_buf failed;
  ic_status status;
} reader;

static void fail(reader *self, ic_status status) {
  self->status = status;
  longjmp(self->failed, 1);
}

static void on_error(j_common_ptr codec) {
  char message[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, message);
  ic_code code = codec->err->msg_code == JERR_OUT_OF_MEMORY ? IC_NO_MEMORY : IC_DAMAGED;
  fail(codec->client_data, ic_failure(code, "%s", message));
}

/* Warnings are about damage that the decoder stepped over, as it does in Pillow. Nothing is printed. */
static void on_message(j_common_ptr codec, int level) {
  (void)codec;
  (void)level;
}
static void on_output(j_common_ptr codec) { (void)codec; }

static void on_progress(j_common_ptr codec) {
  reader *self = codec->client_data;
  if (self->codec.input_scan_number > SCAN_LIMIT)
    fail(self, ic_failure(IC_DAMAGED, "it has more than %d scans", SCAN_LIMIT));
}

static void start_source(j_decompress_ptr codec) { (void)codec; }
static void end_source(j_decompress_ptr codec) { (void)codec; }

/* All bytes are in memory from the start, so being asked for more means that the file ends too early. */
static boolean on_end(j_decompress_ptr codec) {
  fail(codec->client_data, ic_failure(IC_TRUNCATED, "the data end too early"));
  return FALSE;
}

static void skip(j_decompress_ptr codec, long count) {
  if (count <= 0) return;
  if ((size_t)count > codec->src->bytes_in_buffer) on_end(codec);
  codec->src->next_input_byte += count;
  codec->src->bytes_in_buffer -= (size_t)count;
}

/* Everything that can't fail. */
static void prepare(reader *self, const uint8_t *bytes, size_t count) {
  *self = (reader){.status = ic_success()};
  self->codec.client_data = self;
  self->codec.err = jpeg_std_error(&self->errors);
  self->errors.error_exit = on_error;
  self->errors.emit_message = on_message;
  self->errors.output_message = on_output;
  self->progress.progress_monitor = on_progress;
  self->source = (struct jpeg_source_mgr){
      .next_input_byte = bytes,
      .bytes_in_buffer = count,
      .init_source = start_source,
      .fill_input_buffer = on_end,
      .skip_input_data = skip,
      .resync_to_restart = jpeg_resync_to_restart,
      .term_source = end_source,
  };
}

/* From here on any call may end in `fail`. */
static void read_header(reader *self) {
  jpeg_create_decompress(&self->codec); /* clears all but `err` and `client_data` */
  self->codec.src = &self->source;
  self->codec.progress = &self->progress;
  jpeg_read_header(&self->codec, TRUE);
  int components = self->codec.num_components;
  if (components != 1 && components != 3 && components != 4)
    fail(self, ic_failure(IC_UNSUPPORTED, "%d colour components; 1, 3 and 4 are read", components));
}

/* The jump is set in a function of its own: what it points to is not local to it, so it survives the jump intact. */
static void try_size(reader *self, ic_size *size) {
  if (setjmp(self->failed)) return;
  read_header(self);
  *size = (ic_size){self->codec.image_width, self->codec.image_height};
}

ic_status jpeg_size(const uint8_t *bytes, size_t count, ic_size *size) {
  reader self;
  prepare(&self, bytes, count);
  try_size(&self, size);
  jpeg_destroy_decompress(&self.codec);
  return self.status;
}

/* Four inks, stored inverted as Adobe does, to RGB: each channel is white less key less ink, never below 0. */
static void convert_inks(const uint8_t *inks, size_t width, uint8_t *row) {
  for (size_t x = 0; x < width; x++, inks += 4, row += 3) {
    uint8_t upright[4] = {255 - inks[0], 255 - inks[1], 255 - inks[2], 255 - inks[3]};
    ink_to_rgb(upright, row);
  }
}

/* One grey byte a pixel, at the start of the row, to three; backwards, so that none is overwritten unread. */
static void spread_grey(size_t width, uint8_t *row) {
  for (size_t x = width; x-- > 0;) row[3 * x] = row[3 * x + 1] = row[3 * x + 2] = row[x];
}

static void read_rows(reader *self, ic_size size, uint32_t reduction, rows *target) {
  j_decompress_ptr codec = &self->codec;
  if (codec->image_width != size.width || codec->image_height != size.height)
    fail(self, ic_failure(IC_DAMAGED, "its size changed while it was read"));
  int components = codec->num_components;
  codec->out_color_space = components == 1 ? JCS_GRAYSCALE : components == 3 ? JCS_RGB : JCS_CMYK;
  codec->scale_num = 1;
  codec->scale_denom = reduction;
  jpeg_start_decompress(codec);
  size = target->size;
  if (codec->output_width != size.width || codec->output_height != size.height)
    fail(self, ic_failure(IC_UNSUPPORTED, "this libjpeg does not reduce by %u", reduction));
  /* Memory of the codec's pool goes with the codec. */
  JSAMPARRAY inks = NULL;
  if (components == 4)
    inks = codec->mem->alloc_sarray((j_common_ptr)codec, JPOOL_IMAGE, size.width * 4, 1);
  while (codec->output_scanline < size.height) {
    size_t y = codec->output_scanline;
    uint8_t *row = rows_room(target, y);
    JSAMPROW line = components == 4 ? inks[0] : row;
    jpeg_read_scanlines(codec, &line, 1);
    if (components == 4) convert_inks(line, size.width, row);
    if (components == 1) spread_grey(size.width, row);
    rows_filled(target, y);
  }
  jpeg_finish_decompress(codec);
}

static void try_decode(reader *self, ic_size size, uint32_t reduction, rows *target) {
  if (setjmp(self->failed)) return;
  read_header(self);
  read_rows(self, size, reduction, target);
}

ic_status jpeg_decode(const uint8_t *bytes, size_t count, ic_size size, uint32_t reduction, rows *target) {
  reader self;
  prepare(&self, bytes, count);
  try_decode(&self, size, reduction, target);
  jpeg_destroy_decompress(&self.codec);
  return self.status;
}
