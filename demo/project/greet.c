/* Greets whom its first argument names. */
#include <stdio.h>

int main(int count, char **arguments)
{
    const char *whom = count > 1 ? arguments[1] : "world";

    return printf("hello, %s\n", whom) < 0;
}
