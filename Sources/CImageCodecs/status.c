#include "status.h"

#include <stdarg.h>
#include <stdio.h>

ic_status ic_failure(ic_code code, const char *format, ...) {
  ic_status status = {.code = code};
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(status.message, sizeof status.message, format, arguments);
  va_end(arguments);
  return status;
}

ic_status ic_success(void) {
  ic_status status = {.code = IC_OK};
  return status;
}
