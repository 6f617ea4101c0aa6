/* SPDX-License-Identifier: MIT */
#include "server_files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "codes.h"
#include "server_plan.h"

/* The largest file that is served: what is in the way of a wrong --root. */
static const off_t largest = 64 << 20;

static bool
complain(const char *folder, const char *name, const char *reason)
{
    cli_error("%s%s%s: %s", folder, name[0] == '\0' ? "" : "/", name, reason);
    return false;
}

/* Read as many bytes as the file is long; return NULL, or why it could not be done. */
static const char *
read_whole(int fd, struct server_file *file)
{
    struct stat status;
    size_t got = 0;

    if (fstat(fd, &status) != 0)
        return strerror(errno);
    if (!S_ISREG(status.st_mode))
        return "not a regular file";
    if (status.st_size > largest)
        return "larger than 64 MiB";
    file->size = (size_t)status.st_size;
    file->data = malloc(file->size + 1);
    if (file->data == NULL)
        return strerror(errno);
    while (got < file->size) {
        ssize_t n = read(fd, file->data + got, file->size - got);

        if (n < 0 && errno != EINTR)
            return strerror(errno);
        if (n == 0)
            return "it became shorter while it was read";
        if (n > 0)
            got += (size_t)n;
    }
    return NULL;
}

/* Read the flag of one code.  A missing file is no failure. */
static bool
read_flag(int dir, const char *folder, const char *code, struct server_file *file)
{
    char name[] = "cc.png";
    const char *wrong;
    int fd;

    name[0] = (char)tolower((unsigned char)code[0]);
    name[1] = (char)tolower((unsigned char)code[1]);
    /* O_NONBLOCK keeps a named pipe from blocking the start. */
    fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || complain(folder, name, strerror(errno));
    wrong = read_whole(fd, file);
    close(fd);
    return wrong == NULL || complain(folder, name, wrong);
}

bool
server_files_read(struct server_files *files, const char *folder)
{
    size_t found = 0;
    bool ok = true;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir < 0)
        return complain(folder, "", strerror(errno));
    for (size_t i = 0; ok && i < codes_count; i++) {
        struct server_file *file = &files->at[server_path_place(codes_all[i])];

        ok = read_flag(dir, folder, codes_all[i], file);
        found += file->data != NULL;
    }
    close(dir);
    if (ok && found == 0)
        return complain(folder, "", "no flags here; they must have names such as br.png");
    return ok;
}

/* Fill a body from a sequence of its own for each place. */
static bool
make_up(int place, struct server_file *file)
{
    uint64_t state = server_plan_mix((uint64_t)place);

    file->size = 2048 + state % 4096;
    file->data = malloc(file->size);
    if (file->data == NULL) {
        cli_error("%s", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < file->size; i++)
        file->data[i] = (char)(server_plan_mix(state + i / 8) >> 8 * (i % 8));
    return true;
}

bool
server_files_make_up(struct server_files *files)
{
    for (size_t i = 0; i < codes_count; i++) {
        int place = server_path_place(codes_all[i]);

        if (!make_up(place, &files->at[place]))
            return false;
    }
    return true;
}

void
server_files_free(struct server_files *files)
{
    for (size_t place = 0; place < CODES_PLACES; place++)
        free(files->at[place].data);
    *files = (struct server_files){ 0 };
}
