// Runs a program under a filter of system calls (seccomp): `filtered MODE PROGRAM ARGUMENTS…`.
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WORD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ARGUMENT(nth) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[nth]))
#define IS(value, if_true, if_false) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (if_true), (if_false))
#define HAS(bits, if_true, if_false) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), (if_true), (if_false))
#define ANSWER(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define FAILS(error) ANSWER(SECCOMP_RET_ERRNO | (error))

// As container engines do it: other machines are none of ours, new namespaces are not to be had, some calls are there for nobody.
static struct sock_filter container[] = {
    WORD(arch), IS(AUDIT_ARCH_X86_64, 1, 0), ANSWER(SECCOMP_RET_KILL_PROCESS),
    WORD(nr),
    IS(SYS_clone3, 0, 1), FAILS(ENOSYS),
    IS(SYS_clone, 0, 3), ARGUMENT(0), HAS(0x7e020000, 0, 4), FAILS(EPERM),
    IS(SYS_ptrace, 3, 0), IS(SYS_mount, 2, 0), IS(SYS_userfaultfd, 1, 0), ANSWER(SECCOMP_RET_ALLOW),
    FAILS(EPERM),
};

// Threads may be made, and processes that tell their end by a signal, as those of Node.js do.
static struct sock_filter no_copy[] = {
    WORD(nr),
    IS(SYS_clone3, 0, 1), FAILS(ENOSYS),
    IS(SYS_clone, 0, 3), ARGUMENT(0), HAS(CLONE_THREAD | CSIGNAL, 1, 0), FAILS(EPERM),
    ANSWER(SECCOMP_RET_ALLOW),
};

// Nobody says that memory may be cloned that was kept out of clones: V8 never does.
static struct sock_filter no_madvise[] = {
    WORD(nr), IS(SYS_madvise, 0, 3), ARGUMENT(2), IS(MADV_DOFORK, 0, 1), ANSWER(SECCOMP_RET_KILL_PROCESS),
    ANSWER(SECCOMP_RET_ALLOW),
};

// Calls come from a program or library, and not from where a stack could be: such a filter looks at the address.
static struct sock_filter by_address[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0x7fff, 0, 1), ANSWER(SECCOMP_RET_KILL_PROCESS),
    ANSWER(SECCOMP_RET_ALLOW),
};

#define FILTER(name) {#name, sizeof name / sizeof *name, name}
static const struct { const char *name; unsigned short length; struct sock_filter *filter; } all[] = {
    FILTER(container), FILTER(no_copy), FILTER(no_madvise), FILTER(by_address),
};

static int install(const char *name) {
  for (size_t nth = 0; nth < sizeof all / sizeof *all; nth++) {
    if (strcmp(all[nth].name, name) == 0) {
      struct sock_fprog program = {all[nth].length, all[nth].filter};
      return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    }
  }
  errno = EINVAL;
  return -1;
}

int main(int count, char **words) {
  if (count < 3 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 2;
  // Several at once: `container+by_address`.
  for (char *name = strtok(words[1], "+"); name != NULL; name = strtok(NULL, "+")) {
    if (install(name) != 0) {
      perror(name);
      return 2;
    }
  }
  execv(words[2], words + 2);
  perror(words[2]);
  return 2;
}
