// In the place of libjbig in archives and wheels. libtiff needs that library for TIFFs with JBIG, a form of fax that no
// photo has, and its licence (GPL) does not go with other parts of an archive. Here every such picture is refused; libtiff
// then reports the text below.
#include <stddef.h>

int jbg_dec_in(void *decoder, unsigned char *data, size_t length, size_t *count) {
  (void)decoder, (void)data, (void)length;
  if (count) *count = 0;
  return 1;  // anything but JBG_EOK
}

const char *jbg_strerror(int number) {
  (void)number;
  return "this installation has no JBIG";
}

void jbg_dec_init(void *decoder) { (void)decoder; }
void jbg_dec_free(void *decoder) { (void)decoder; }
unsigned long jbg_dec_getsize(const void *decoder) { return (void)decoder, 0; }
unsigned char *jbg_dec_getimage(const void *decoder, int plane) { return (void)decoder, (void)plane, NULL; }
int jbg_newlen(unsigned char *data, size_t length) { return (void)data, (void)length, 1; }

// Nothing here writes TIFFs.
void jbg_enc_init(void *encoder, unsigned long width, unsigned long height, int planes, unsigned char **data,
                  void (*write)(unsigned char *, size_t, void *), void *file) {
  (void)encoder, (void)width, (void)height, (void)planes, (void)data, (void)write, (void)file;
}
void jbg_enc_out(void *encoder) { (void)encoder; }
void jbg_enc_free(void *encoder) { (void)encoder; }
