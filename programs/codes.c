/* SPDX-License-Identifier: MIT */
#include "codes.h"

const char *const codes_all[] = {
#include "codes-table.h"
};
const size_t codes_count = sizeof codes_all / sizeof *codes_all;

const char *const codes_populous[CODES_POPULOUS] = { "CN", "IN", "US", "ID", "BR", "PK", "NG", "BD", "RU", "JP",
                                                     "MX", "PH", "VN", "ET", "EG", "DE", "IR", "TR", "CD", "FR" };

int
codes_letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    return -1;
}

int
codes_place(const char *text)
{
    int first = codes_letter(text[0]);
    int second = first < 0 ? -1 : codes_letter(text[1]);

    return second < 0 ? -1 : first * 26 + second;
}

void
codes_at(int place, char code[3])
{
    code[0] = (char)('A' + place / 26);
    code[1] = (char)('A' + place % 26);
    code[2] = '\0';
}
