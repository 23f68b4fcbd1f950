"""Run by gdb (`cargo xtask layouts`): asks a Node.js binary for the name of every instance type, through V8's own operator<<."""

import gdb

# Strings, internal objects; the first JavaScript objects; the others, which follow a thousand numbers for the embedder.
RANGES = [range(0, 420), range(1024, 1160), range(2040, 2200)]

for setting in ["pagination off", "confirm off", "unwindonsignal on"]:
    gdb.execute("set " + setting)
gdb.execute("break main", to_string=True)
gdb.execute("run --version", to_string=True)
name = int(gdb.parse_and_eval("(long)&'_ZN2v88internallsERSoNS0_12InstanceTypeE'"))
out = int(gdb.parse_and_eval("(long)&'_ZSt4cout'"))
for number in (number for numbers in RANGES for number in numbers):
    try:
        gdb.execute('call (int)printf("\\n%%d ", %d)' % number, to_string=True)
        gdb.execute("call ((void *(*)(void *, int))%d)((void *)%d, %d)" % (name, out, number), to_string=True)
    except gdb.error:
        # No type has that number: V8 stops there, and gdb goes back.
        pass
gdb.execute('call (int)printf("\\n")', to_string=True)
gdb.execute("call (int)fflush(0)", to_string=True)
gdb.execute("kill")
