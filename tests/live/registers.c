// One thread that holds known values in all registers of floating point while it runs, and below its stack, and looks again and again whether
// they are what they were. It says `ready` when it begins, and ends with 0 when its standard input does; with 1 if a value has changed.
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WIDE __builtin_cpu_supports("avx")

static uint64_t put[16][4], got[16][4];
static uint16_t control, control_got;
static uint32_t rounding, rounding_got;

// Loads all registers, runs a while, and stores them: nothing but a capture comes in between.
static void hold(void) {
  double seven = 7.25, back = 0;
  uint64_t red = 0x5ed0ce5ed0ce, red_got = 0;
#define LOAD(n) "vmovdqu 32*" #n "(%[put]), %%ymm" #n "\n"
#define STORE(n) "vmovdqu %%ymm" #n ", 32*" #n "(%[got])\n"
#define SLOAD(n) "movdqu 32*" #n "(%[put]), %%xmm" #n "\n"
#define SSTORE(n) "movdqu %%xmm" #n ", 32*" #n "(%[got])\n"
#define ALL(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define BETWEEN                                                                                               \
  "fldcw %[control]\nldmxcsr %[rounding]\nfldl %[seven]\nmov %[red], -96(%%rsp)\nmov $3000000, %%ecx\n"      \
  "1: dec %%ecx\njnz 1b\n"                                                                                    \
  "mov -96(%%rsp), %[red_got]\nfstpl %[back]\nstmxcsr %[rounding_got]\nfnstcw %[control_got]\n"
#define WORDS                                                                                                                       \
  : [back] "=m"(back), [red_got] "=&r"(red_got), [rounding_got] "=m"(rounding_got), [control_got] "=m"(control_got)                \
  : [put] "r"(put), [got] "r"(got), [seven] "m"(seven), [red] "r"(red), [control] "m"(control), [rounding] "m"(rounding)           \
  : "ecx", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",    \
    "xmm13", "xmm14", "xmm15", "st"
  if (WIDE) {
    __asm__ volatile(ALL(LOAD) BETWEEN ALL(STORE) WORDS);
  } else {
    __asm__ volatile(ALL(SLOAD) BETWEEN ALL(SSTORE) WORDS);
  }
  if (back != seven || red_got != red) memset(got, 0, sizeof got);
}

int main(void) {
  for (int nth = 0; nth < 16; nth++)
    for (int word = 0; word < (WIDE ? 4 : 2); word++) put[nth][word] = 0x0123456789abcdefu * (nth * 4 + word + 1);
  control = 0x0e7f;   // towards zero, 53 bits
  rounding = 0x7f80;  // towards zero, all exceptions held back
  puts("ready");
  fflush(stdout);
  struct pollfd input = {STDIN_FILENO, POLLIN, 0};
  for (uint64_t rounds = 0;; rounds++) {
    memset(got, 0, sizeof got);
    hold();
    if (memcmp(put, got, sizeof put) != 0 || control_got != control || (rounding_got & ~0x3fu) != rounding) {
      printf("changed after %llu rounds\n", (unsigned long long)rounds);
      return 1;
    }
    // Ends with its input; `poll` would wait for nobody.
    if (rounds % 64 == 63 && poll(&input, 1, 0) > 0) {
      printf("%llu rounds\n", (unsigned long long)rounds + 1);
      return 0;
    }
  }
}
