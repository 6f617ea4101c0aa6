/* SPDX-License-Identifier: MIT */
/*
 * The words for statuses that libmicrohttpd sends.
 *
 * That library takes them from a table of its own, has no way to set them, and has none for 418.  So these two
 * functions stand in for the library's own ones of the same names: the dynamic linker prefers a program's definitions.
 */
#include "reason.h"

#include <microhttpd.h>
#include <string.h>

#define VISIBLE __attribute__((__visibility__("default")))

VISIBLE const char *
MHD_get_reason_phrase_for(unsigned int code)
{
    return reason_phrase((int)code);
}

VISIBLE size_t
MHD_get_reason_phrase_len_for(unsigned int code)
{
    return strlen(reason_phrase((int)code));
}
