// In the place of two libraries that Debian's libraries ask for, in archives and wheels:
//
//   libjbig    libtiff needs it for TIFFs with JBIG, a form of fax that no photo has. Its licence (GPL) does not go with
//              other parts of an archive. Every such picture is refused, with the text below.
//   libnettle  libarchive needs it for encrypted zip files. Its licence (LGPL) asks for parts that can be exchanged. The
//              tool gives no passphrase, so that libarchive refuses such a file before it calls any of this.
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

void nettle_aes128_set_encrypt_key(void *context, const unsigned char *key) { (void)context, (void)key; }
void nettle_aes192_set_encrypt_key(void *context, const unsigned char *key) { (void)context, (void)key; }
void nettle_aes256_set_encrypt_key(void *context, const unsigned char *key) { (void)context, (void)key; }
void nettle_aes128_encrypt(const void *context, size_t length, unsigned char *goal, const unsigned char *source) {
  (void)context, (void)length, (void)goal, (void)source;
}
void nettle_aes192_encrypt(const void *context, size_t length, unsigned char *goal, const unsigned char *source) {
  (void)context, (void)length, (void)goal, (void)source;
}
void nettle_aes256_encrypt(const void *context, size_t length, unsigned char *goal, const unsigned char *source) {
  (void)context, (void)length, (void)goal, (void)source;
}
void nettle_hmac_sha1_set_key(void *context, size_t length, const unsigned char *key) {
  (void)context, (void)length, (void)key;
}
void nettle_hmac_sha1_update(void *context, size_t length, const unsigned char *data) {
  (void)context, (void)length, (void)data;
}
void nettle_hmac_sha1_digest(void *context, size_t length, unsigned char *digest) {
  (void)context, (void)length, (void)digest;
}
void nettle_pbkdf2_hmac_sha1(size_t keyLength, const unsigned char *key, unsigned rounds, size_t saltLength,
                             const unsigned char *salt, size_t length, unsigned char *goal) {
  (void)keyLength, (void)key, (void)rounds, (void)saltLength, (void)salt, (void)length, (void)goal;
}
