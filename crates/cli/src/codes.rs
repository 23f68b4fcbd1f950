//! The stable error codes: what each means and what helps, as `heapwhy explain CODE` prints it.
//!
//! A code is never reused for something else. Exit codes follow from error codes, so that scripts can rely on either.

use crate::exit::Exit;

/// A stable error code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Code {
    /// `HW1004`.
    pub(crate) id: &'static str,
    /// What it is about, in a few words.
    pub(crate) title: &'static str,
    /// How the process ends.
    pub(crate) exit: Exit,
    /// The long explanation.
    pub(crate) text: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $exit:ident $title:literal $text:literal;)*) => {
        $(#[doc = $title] pub(crate) static $name: Code = Code { id: $id, title: $title, exit: Exit::$exit, text: $text };)*
        /// All codes, rising.
        pub(crate) static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    USAGE "HW1000" Usage "the command line makes no sense"
        "An option or argument is missing, unknown or contradicts another. `heapwhy --help` and `heapwhy help COMMAND` list what there is.";
    NO_SUCH_FILE "HW1001" Unreadable "no such file"
        "The path does not exist as seen from the current directory. In a container, a file of the target is below /proc/PID/root.";
    NO_SUCH_COMMAND "HW1002" Usage "neither a command nor a file"
        "A bare word must be a command, an existing file or a process id. To name a file that is called like a command, write ./diff.";
    IS_DIRECTORY "HW1003" Unreadable "a directory"
        "Name the files inside. Several snapshots of one process, oldest first, make a growth report: heapwhy DIR/*.heapsnapshot";
    EMPTY_FILE "HW1004" Unreadable "the file is empty"
        "Node.js creates the file first and writes it at the end. It stays empty when the process is killed meanwhile: by the kernel's OOM killer, \
by a liveness probe, or when --heapsnapshot-near-heap-limit has no memory left to write with. Give the process head-room \
(a lower --max-old-space-size than the container's limit) and take the snapshot earlier, for instance with \
--heapsnapshot-signal=SIGUSR2.";
    NOT_A_SNAPSHOT "HW1005" Unreadable "not a heap snapshot"
        "heapwhy reads what v8.writeHeapSnapshot(), --heapsnapshot-signal, --heapsnapshot-near-heap-limit, DevTools' Memory panel and \
HeapProfiler.takeHeapSnapshot write: JSON that starts with {\"snapshot\":{\"meta\": … , also packed with gzip, zstd or lz4. A diagnostic report of Node.js \
(report.….json) and a log of collections hold no objects: `heapwhy FILE` alone tells what they say.";
    SAMPLING_PROFILE "HW1006" Unsupported "a profile, not a snapshot"
        "A .heapprofile holds sampled allocation sites: `heapwhy FILE` prints it and `heapwhy convert FILE --to pprof` converts it, each alone and as a named file. A .cpuprofile holds \
sampled stacks and nothing about memory. Neither holds objects or who keeps them, for which most commands ask: take a snapshot with v8.writeHeapSnapshot().";
    BAD_PACKING "HW1007" Unreadable "damaged gzip, zstd or lz4"
        "The packed stream is damaged, or what it holds is not what it should. Test it with: gzip -t FILE, zstd -t FILE or lz4 -t FILE";
    BOMB "HW1017" Refused "it unpacks to suspiciously much"
        "Gzip can pack a text a thousand times over, zstd more, so that a small file fills a disk. heapwhy stops where more than 200 times the packed size \
comes out (20,000 times where it is zeros, which take no room on the disk); real snapshots unpack to 5 to 15 times. A file that you trust can be unpacked by \
hand: gunzip -c FILE.gz > FILE, zstd -dc FILE.zst > FILE";
    PACKED "HW1008" Unsupported "packed in a way that this version does not read"
        "heapwhy reads plain files and those packed with gzip, zstd or lz4, whatever their names. Unpack xz, bzip2 or zip first.";
    CORE_DUMP "HW1009" Unsupported "a core dump or program that cannot be read"
        "heapwhy reads core dumps of Node.js 16 to 26 on Linux x86-64, written by the kernel (ulimit -c unlimited), by systemd-coredump (coredumpctl dump, \
or its .zst file as it is) or by gcore. Cores of other programs, of other machines and of 32 bits are not read, nor those of other programs that V8 is in.";
    OTHER_PROGRAM "HW1018" Unsupported "the program is not the one that made the core"
        "A core is read with the symbols of the program that made it. The build-id, which is in both, says whether they belong together. Without \
--node, heapwhy takes the program that the core names if it is still there and still the same, and does without it otherwise.";
    NO_HEAP "HW1019" Unreadable "a core dump of Node.js without a heap that can be read"
        "V8's pages were not found. Either anonymous memory was left out of the core (bit 0 of /proc/PID/coredump_filter; 33 is the usual value), or this V8 \
keeps its heap in a way that heapwhy does not know: a build with pointer compression, or a release that is newer than heapwhy.";
    PROCESS_ID "HW1010" Unsupported "a process id, where processes cannot be read"
        "Running processes are read on Linux on x86-64. Elsewhere, start Node.js with \
--heapsnapshot-signal=SIGUSR2, send that signal with `kill -USR2 PID`, and give heapwhy the file that it writes into its working \
directory. Beware: the process stands still meanwhile and needs several times its heap in memory.";
    ZEROS "HW1011" Unreadable "nothing but zero bytes"
        "The file system reserved the space but the contents never arrived: typical after a crash of the machine or a full disk.";
    INDEX_FILE "HW1012" Unsupported "an index that cannot be used"
        "A .hwy index belongs to one version of heapwhy and one input file, and carries checksums. heapwhy builds a new one whenever it is given the \
snapshot; delete the old one.";
    TRUNCATED "HW1013" Unreadable "the file ends early"
        "What can be saved is shown and marked PARTIAL, and the exit code is 3. --partial-ok makes it 0. Numbers of a partial file are lower bounds, \
retained sizes are not comparable with those of a whole file.";
    DAMAGED "HW1014" Unreadable "the file is damaged"
        "Parts of the file contradict each other, say an edge to a node that does not exist. What is sound is shown and marked PARTIAL; the warnings say \
what was left out. --partial-ok makes the exit code 0.";
    READ_FAILED "HW1015" Unreadable "the file cannot be read"
        "The system reported an error while the file was read. The message after the colon is the system's own.";
    DENIED "HW1016" Permission "permission denied"
        "Node.js writes snapshots with mode 0600: only the user as whom the process ran may read them. Copy the file as that user, or use sudo.";
    NOT_A_GC_LOG "HW1020" Unreadable "no log of garbage collections"
        "heapwhy gc reads what V8 writes with --trace-gc or --trace-gc-nvp: lines such as [4217:0x5f3b8a0] 1234 ms: Mark-Compact 45.1 (60.2) -> 40.3 (58.0) MB, … \
Other lines may stand between them, and a logger's words before them.";
    NO_SUCH_NODE "HW1101" Usage "no object of that id"
        "Ids (@123) are those of the snapshot. They stay the same from one snapshot to the next of one process, but not in another process, and an object \
that was collected in between is gone.";
    NO_SUCH_CLASS "HW1102" Usage "no class of that name"
        "Class names are constructor names: Session. Plain objects go by their shape: '{id, name}' (quote it for the shell). `heapwhy classes FILE --filter TEXT` \
searches.";
    BAD_IDS "HW1103" Usage "the ids on standard input are not ids"
        "With - in place of a name, one id a line is read: @123 or 123. `heapwhy instances FILE CLASS -q` writes them.";
    BAD_PATTERN "HW1104" Usage "a pattern that makes no sense"
        "--grep takes plain text; letters match in either case unless the text has a capital.";
    DIFFERENT_PROCESSES "HW1105" Unsupported "snapshots or reports of different processes"
        "Objects are matched by id, which means something only among snapshots of one run of one process. Of others heapwhy compares numbers per class; \
of different programs or versions of Node.js the verdict is `not enough evidence` and the exit code 0, as nothing was asked to be judged. With --fail-on \
something was: then the exit code is 5, neither passed nor failed. Give it snapshots of one process, the oldest first. Diagnostic reports of different processes are \
refused: totals of different programs compare to nothing.";
    NOT_TRACKED "HW1106" Unsupported "a snapshot without stacks of allocations"
        "V8 notes by which stack an object was made only while somebody has it track allocations, which costs the process much: `heapwhy attach PID track`, or \
DevTools with `Allocations on timeline` and stacks recorded. Other snapshots know what holds an object, not who made it: `heapwhy why FILE CLASS`.";
    WRITE_FAILED "HW1201" Unreadable "the output cannot be written"
        "Output files are written under a temporary name and renamed when complete: nothing half-written is left. The message after the colon is the system's own.";
    DISK_FULL "HW1202" Unreadable "no space left on the device"
        "Nothing half-written is left behind. Free some space, or write elsewhere with -o. Packed and piped snapshots are unpacked in the folder that TMPDIR \
names (/tmp), where some room is always left.";
    SAME_FILE "HW1203" Refused "the output is the input"
        "heapwhy never overwrites the file that it reads. Choose another name with -o.";
    NO_MEMORY "HW1204" Unreadable "not enough memory"
        "heapwhy needs about 0.8 times the size of a snapshot file.";
    OUTPUT_EXISTS "HW1205" Refused "the output exists"
        "convert, redact and capture replace no file that is there already, unless --force is given. -o - writes to standard output.";
    NO_ROOM "HW1206" Refused "no room for another capture"
        "heapwhy guard deletes the oldest of its own captures where its budget wants it, never other files, and leaves some room on the disk. Here one capture would \
take more than the budget, or than the disk has. --budget SIZE and --dir DIR change that.";
    TARGET_FAILED "HW1301" Target "the Node.js process failed"
        "The process that heapwhy started ended early or did not answer in time. Its own last words are shown above.";
    NO_NODE "HW1302" Target "Node.js was not found"
        "`heapwhy demo` runs a small Node.js service. Install Node.js 16 or newer, or name it with --node PATH.";
    NODE_UNSUPPORTED "HW1303" Unsupported "this Node.js cannot be used"
        "It is older than the oldest that is supported, or built without the inspector. Name another with --node PATH.";
    FOREIGN_FOLDER "HW1304" Refused "the folder holds other files"
        "`heapwhy demo` writes only into a folder that is new, empty or its own, so that nothing of yours is replaced. Name another with --dir.";
    COMMAND_FAILED "HW1305" Target "the command cannot be run"
        "heapwhy guard -- COMMAND starts a command as a shell would. The message after the colon is the system's own.";
    NO_PROCESS "HW1401" Target "no such process"
        "A bare number that is no file's name is taken for a process id. In a container, processes have the numbers that they have there; on the host, others.";
    NO_RIGHT "HW1402" Permission "no right to read the process's memory"
        "Reading another process's memory takes the same user, or CAP_SYS_PTRACE (root has it); where kernel.yama.ptrace_scope is 1 or more, CAP_SYS_PTRACE \
in any case. A process that changed its user while it ran counts as another user's. In docker: --cap-add SYS_PTRACE.";
    NOT_NODE "HW1403" Unsupported "not a process of Node.js"
        "Its program is not called node, V8 does not describe itself in it, and it uses no libnode. Nothing was done to it.";
    PROCESS_GONE "HW1404" Target "the process, or its copy, ended too early"
        "The process ended or became another program while it was captured, one of its threads could not be stopped in time, or the kernel ended the copy of it because memory was short: \
the copy is made to be the first to go. The process itself was not harmed.";
    TRACED "HW1405" Refused "the process is traced already"
        "The kernel lets one program at a time trace a process: a debugger, strace, or another heapwhy. Let that end first.";
    NO_COPY "HW1406" Target "the process cannot clone itself"
        "The kernel refused it another process: too many of its user's (ulimit -u), a limit on the processes or the memory of its control group, or a filter on its system calls. \
It goes on as before. `heapwhy capture PID --method stop` reads it while it is stopped, which needs no other process.";
    UNFIT "HW1407" Target "the process cannot be captured as it is"
        "It is stopped (kill -CONT lets it go on), or has ended and waits for its parent to look.";
    DANGEROUS "HW1408" Refused "a capture that could harm the process"
        "`heapwhy doctor PID` tells what speaks against each method: too little memory left for what the process writes meanwhile, a filter on its system calls, \
or a pause longer than health checks wait. `heapwhy capture PID --accept-danger` does it all the same.";
    HELD_TOO_LONG "HW1409" Target "the process stood still for as long as it may"
        "A process that is read while it is stopped waits for the disk that its image is written to. When it has stood still for 10 seconds, or three times as long as \
`heapwhy doctor` predicts where that is longer, or as long as --max-pause of `heapwhy capture` says, all its threads are let go, and what was written is removed: also where \
the disk hangs. Nothing was changed in it.";
    NO_INSPECTOR "HW1501" Unsupported "the inspector cannot be had"
        "Node.js opens its inspector when it gets SIGUSR1, unless it was started with --disable-sigusr1 or --permission, or the program ignores the signal. Nothing \
was sent to it. `heapwhy PID` reads the process without its inspector.";
    SIGNAL_UNFIT "HW1502" Refused "SIGUSR1 would do something else than open the inspector"
        "A process that does not wait for SIGUSR1 is ended by it. One whose program has a handler (process.on('SIGUSR1')) runs that instead of opening its inspector; libuv's \
own list of handlers says so, which is found by its symbol. Nothing was sent to it.";
    EXPOSED "HW1503" Refused "the inspector would be open to other machines"
        "The process was started with --inspect-port=HOST where HOST is not this machine alone. Whoever reaches an inspector can run any code as the process.";
    PORT_TAKEN "HW1504" Target "the inspector's port is taken"
        "Only one process can listen on a port, and Node.js takes 9229 unless told otherwise. Nothing was sent to it. Often it is another process of Node.js whose inspector is open.";
    OTHER_NETWORK "HW1505" Permission "the process is in another network"
        "A container has a loopback of its own. heapwhy enters it to connect where it has the right (root, as a rule); else run it inside.";
    NOT_OPENED "HW1506" Target "no inspector"
        "The process was sent SIGUSR1 and nothing that answers as an inspector came in time, or none listens where --port says. Its JavaScript may be busy: then it may \
open later, and `heapwhy attach PID close` closes it.";
    NO_ANSWER "HW1507" Target "the process did not answer over its inspector"
        "The connection broke, V8 refused the question, or the process was too busy for too long. The inspector is closed again if it was closed before.";
    TOO_COSTLY "HW1508" Refused "a question that could exhaust the process's memory"
        "V8 builds a snapshot inside the process, which takes several times its heap. Less than that is left of its control group's limit, or on the machine. --accept-danger does it all the same.";
    SAMPLED_ALREADY "HW1509" Refused "somebody samples allocations already"
        "V8 has one sampling profiler for each thread. Starting ours would end theirs: an APM agent's, DevTools' or --heap-prof's.";
    NO_SUCH_WORKER "HW1510" Usage "no such worker"
        "--worker takes the number by which Node.js calls a worker (threadId). Only workers that the main thread has started are reached.";
    MAY_CRASH "HW1511" Refused "a question during which V8 may crash"
        "When V8 is told to stop tracking allocations, it writes down the places of the functions that it has noted, which makes objects, which it still \
tracks: where JavaScript of the process runs at that moment, that can end the process by SIGSEGV. Seen in 2 of 65 runs with a busy Node.js 20; all lines are \
built alike, and DevTools does the same. `heapwhy attach PID sample` has no such fault. --accept-danger tracks all the same.";
    STOPPED "HW1900" Stopped "stopped by Ctrl-C"
        "The work was stopped before it had an answer. A second Ctrl-C ends heapwhy at once.";
    BUG "HW1999" Bug "a bug in heapwhy"
        "This should never happen. Please report it with the command and, if you may, the file: `heapwhy redact` removes all values from a snapshot and keeps \
its structure.";
}

/// Returns the code of that name, whatever its case.
pub(crate) fn find(id: &str) -> Option<&'static Code> {
    ALL.iter().copied().find(|code| code.id.eq_ignore_ascii_case(id))
}
