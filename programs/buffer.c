/* SPDX-License-Identifier: MIT */
#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST 1024

char *
buffer_room(struct buffer *buffer, size_t len)
{
    size_t size = buffer->size < SMALLEST ? SMALLEST : buffer->size;
    char *text;

    while (size - buffer->used < len)
        size *= 2;
    if (size > buffer->size) {
        text = realloc(buffer->text, size);
        if (text == NULL) {
            buffer->incomplete = true;
            return NULL;
        }
        buffer->text = text;
        buffer->size = size;
    }
    return buffer->text + buffer->used;
}

void
buffer_add(struct buffer *buffer, const void *text, size_t len)
{
    char *room = buffer_room(buffer, len);

    if (room == NULL || len == 0)
        return;
    memcpy(room, text, len);
    buffer->used += len;
}

void
buffer_format(struct buffer *buffer, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || buffer_room(buffer, (size_t)len + 1) == NULL)
        return;
    va_start(args, format);
    vsnprintf(buffer->text + buffer->used, (size_t)len + 1, format, args);
    va_end(args);
    buffer->used += (size_t)len;
}

void
buffer_clear(struct buffer *buffer)
{
    buffer->used = 0;
    buffer->incomplete = false;
}

void
buffer_free(struct buffer *buffer)
{
    free(buffer->text);
    *buffer = (struct buffer){ 0 };
}
