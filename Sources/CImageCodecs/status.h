#ifndef STATUS_H
#define STATUS_H

#include "CImageCodecs.h"

/* A status with a formatted message, cut to what fits. */
__attribute__((format(printf, 2, 3))) ic_status ic_failure(ic_code code, const char *format, ...);

/* The one success. */
ic_status ic_success(void);

#endif
