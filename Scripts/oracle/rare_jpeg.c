/*
 * Writes the kinds of JPEG that Pillow reads but cannot write. Built and called by record_images.py:
 *
 *   cc rare_jpeg.c -ljpeg -o rare_jpeg
 *   rare_jpeg WIDTH HEIGHT SPACE CODING FACTORS < interleaved bytes > picture.jpg
 *
 * SPACE: ycc, rgb (RGB in), cmyk, ycck (CMYK in, inverted as Adobe does), grey, two (as many bytes as components).
 * CODING: baseline, progressive or arithmetic. FACTORS: horizontal and vertical sampling, two digits a component, "211111".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

int main(int count, char **arguments) {
  if (count != 6) return 64;
  struct jpeg_compress_struct codec;
  struct jpeg_error_mgr errors;
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  jpeg_stdio_dest(&codec, stdout);
  codec.image_width = (JDIMENSION)atoi(arguments[1]);
  codec.image_height = (JDIMENSION)atoi(arguments[2]);
  const char *space = arguments[3], *coding = arguments[4], *factors = arguments[5];
  J_COLOR_SPACE target = JCS_UNKNOWN;
  if (!strcmp(space, "ycc")) target = JCS_YCbCr;
  if (!strcmp(space, "rgb")) target = JCS_RGB;
  if (!strcmp(space, "cmyk")) target = JCS_CMYK;
  if (!strcmp(space, "ycck")) target = JCS_YCCK;
  if (!strcmp(space, "grey")) target = JCS_GRAYSCALE;
  codec.input_components = target == JCS_UNKNOWN ? 2 : target == JCS_GRAYSCALE ? 1 : target == JCS_CMYK || target == JCS_YCCK ? 4 : 3;
  codec.in_color_space = codec.input_components == 4 ? JCS_CMYK : codec.input_components == 3 ? JCS_RGB : target;
  jpeg_set_defaults(&codec);
  jpeg_set_colorspace(&codec, target);
  jpeg_set_quality(&codec, 80, TRUE);
  if (!strcmp(coding, "progressive")) jpeg_simple_progression(&codec);
  if (!strcmp(coding, "arithmetic")) codec.arith_code = TRUE;
  for (int i = 0; i < codec.num_components; i++) {
    codec.comp_info[i].h_samp_factor = factors[2 * i] - '0';
    codec.comp_info[i].v_samp_factor = factors[2 * i + 1] - '0';
  }
  jpeg_start_compress(&codec, TRUE);
  size_t row_bytes = (size_t)codec.image_width * (size_t)codec.input_components;
  JSAMPLE *row = malloc(row_bytes);
  while (codec.next_scanline < codec.image_height) {
    if (fread(row, 1, row_bytes, stdin) != row_bytes) return 1;
    jpeg_write_scanlines(&codec, &row, 1);
  }
  jpeg_finish_compress(&codec);
  free(row);
  return 0;
}
