#include <stdio.h>

int main(void) {
    puts("Hello from a disk that holds one program.");
    return 0;
}
