/* RGB bytes to a baseline JPEG by libjpeg-turbo, with its defaults but for the quality. */
#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include "status.h"

typedef struct {
  struct jpeg_compress_struct codec;
  struct jpeg_error_mgr errors;
  struct jpeg_destination_mgr target;
  jmp_buf failed;
  ic_status status;
} writer;

static void on_error(j_common_ptr codec) {
  writer *self = codec->client_data;
  char message[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, message);
  self->status = ic_failure(IC_UNSUPPORTED, "%s", message);
  longjmp(self->failed, 1);
}

static void on_message(j_common_ptr codec, int level) {
  (void)codec;
  (void)level;
}
static void on_output(j_common_ptr codec) { (void)codec; }
static void start_target(j_compress_ptr codec) { (void)codec; }
static void end_target(j_compress_ptr codec) { (void)codec; }

/* The target holds all that it ever will. */
static boolean on_full(j_compress_ptr codec) {
  writer *self = codec->client_data;
  self->status = ic_failure(IC_TRUNCATED, "the picture takes more bytes than there is room for");
  longjmp(self->failed, 1);
}

/* The jump is set in a function of its own: what it points to is not local to it, so it survives the jump intact. */
static void try_encode(writer *self, const uint8_t *pixels, ic_size size, int quality) {
  if (setjmp(self->failed)) return;
  j_compress_ptr codec = &self->codec;
  jpeg_create_compress(codec); /* clears all but `err` and `client_data` */
  codec->dest = &self->target;
  codec->image_width = size.width;
  codec->image_height = size.height;
  codec->input_components = 3;
  codec->in_color_space = JCS_RGB;
  jpeg_set_defaults(codec);
  jpeg_set_quality(codec, quality, TRUE);
  codec->optimize_coding = TRUE;
  jpeg_start_compress(codec, TRUE);
  while (codec->next_scanline < size.height) {
    /* libjpeg reads a row and never writes to it. */
    JSAMPROW row = (JSAMPROW)(pixels + (size_t)codec->next_scanline * size.width * 3);
    jpeg_write_scanlines(codec, &row, 1);
  }
  jpeg_finish_compress(codec);
}

ic_status ic_jpeg_encode(const uint8_t *pixels, ic_size size, int quality, uint8_t *bytes, size_t *count) {
  writer self = {.status = ic_success()};
  self.codec.client_data = &self;
  self.codec.err = jpeg_std_error(&self.errors);
  self.errors.error_exit = on_error;
  self.errors.emit_message = on_message;
  self.errors.output_message = on_output;
  self.target = (struct jpeg_destination_mgr){
      .next_output_byte = bytes,
      .free_in_buffer = *count,
      .init_destination = start_target,
      .empty_output_buffer = on_full,
      .term_destination = end_target,
  };
  try_encode(&self, pixels, size, quality);
  *count -= self.target.free_in_buffer;
  jpeg_destroy_compress(&self.codec);
  return self.status;
}
