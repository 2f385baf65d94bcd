/* Runs a program, and sends it a signal just before one of its system calls.
 *
 *   kill-at LOG calls|changes N SIGNAL COMMAND...
 *
 * Counting begins with the first call that opens a file for writing or changes something outside of the process. From
 * there on `calls` counts every call of every thread, `changes` those only that change something: a write to such a file,
 * a directory made or removed, a mount. SIGNAL, a number, is sent to the process when the N-th is about to be made; with 0 for N it runs undisturbed.
 * LOG gets one line: `sent` or `not-sent`, how many calls there were up to the last change and how many changes, and how
 * the program ended: `signal NUMBER` or `exit NUMBER`. The exit status is that of the program, as a shell gives it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 1 << 16, FILES = 1024 };
/* Which threads are about to open a file for writing, and which files are open for writing. */
static char opening[THREADS], writable[FILES];

static void need(int done, const char *what)
{
	if (!done) {
		perror(what);
		exit(125);
	}
}

/* The flags with which this call opens a file; none for any other call. */
static uint64_t open_flags(pid_t thread, const struct __ptrace_syscall_info *call)
{
	switch (call->entry.nr) {
	case SYS_open:
		return call->entry.args[1];
	case SYS_openat:
		return call->entry.args[2];
	case SYS_openat2: /* struct open_how begins with the flags */
		return ptrace(PTRACE_PEEKDATA, thread, call->entry.args[2], 0);
	case SYS_creat:
		return O_WRONLY | O_CREAT | O_TRUNC;
	}
	return 0;
}

static int changes(pid_t thread, const struct __ptrace_syscall_info *call)
{
	switch (call->entry.nr) {
	case SYS_mkdir:
	case SYS_mkdirat:
	case SYS_rmdir:
	case SYS_unlink:
	case SYS_unlinkat:
	case SYS_rename:
	case SYS_renameat:
	case SYS_renameat2:
	case SYS_mount:
	case SYS_umount2:
	case SYS_fsopen:
	case SYS_fsmount:
	case SYS_move_mount:
	case SYS_open_tree:
		return 1;
	case SYS_write:
	case SYS_writev:
	case SYS_pwrite64:
		return call->entry.args[0] < FILES && writable[call->entry.args[0]];
	}
	return (open_flags(thread, call) & (O_CREAT | O_TRUNC)) != 0;
}

static pid_t start(char **command)
{
	pid_t child = fork();

	need(child >= 0, "fork");
	if (child == 0) {
		need(!ptrace(PTRACE_TRACEME, 0, 0, 0), "PTRACE_TRACEME");
		raise(SIGSTOP);
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	need(waitpid(child, NULL, 0) == child, "waitpid");
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
	need(!ptrace(PTRACE_SETOPTIONS, child, 0, options), "PTRACE_SETOPTIONS");
	need(!ptrace(PTRACE_SYSCALL, child, 0, 0), "PTRACE_SYSCALL");
	return child;
}

int main(int count, char **word)
{
	long wanted, counted = 0, calls = 0, changed = 0, last = 0;
	int every, number, status, begun = 0, sent = 0;
	pid_t child, thread;

	if (count < 6)
		return 125;
	every = !strcmp(word[2], "calls");
	wanted = atol(word[3]);
	number = atoi(word[4]);
	child = start(word + 5);
	for (;;) {
		int pass_on = 0;
		thread = waitpid(-1, &status, __WALL);
		need(thread > 0, "waitpid");
		if (!WIFSTOPPED(status)) {
			if (thread == child)
				break;
			continue;
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			struct __ptrace_syscall_info call;
			memset(&call, 0, sizeof call);
			ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof call, &call);
			if (call.op == PTRACE_SYSCALL_INFO_ENTRY) {
				int change = changes(thread, &call);
				uint64_t flags = open_flags(thread, &call);
				opening[thread % THREADS] = (flags & (O_ACCMODE | O_CREAT)) != O_RDONLY;
				begun |= change || opening[thread % THREADS];
				if (call.entry.nr == SYS_close && call.entry.args[0] < FILES)
					writable[call.entry.args[0]] = 0;
				changed += change;
				calls += begun;
				if (change)
					last = calls;
				counted += every ? begun : change;
				if (!sent && wanted && counted == wanted) {
					kill(child, number);
					sent = 1;
				}
			} else if (call.op == PTRACE_SYSCALL_INFO_EXIT && opening[thread % THREADS]) {
				opening[thread % THREADS] = 0;
				if (call.exit.rval >= 0 && call.exit.rval < FILES)
					writable[call.exit.rval] = 1;
			}
		} else if (!(status >> 16) && WSTOPSIG(status) != SIGSTOP) {
			/* A signal; SIGSTOP is how a new thread begins. */
			pass_on = WSTOPSIG(status);
		}
		/* After the signal the calls are of no interest. It may fail: the process can be gone by then. */
		ptrace(sent ? PTRACE_CONT : PTRACE_SYSCALL, thread, 0, (long)pass_on);
	}
	FILE *log = fopen(word[1], "w");
	need(log != NULL, word[1]);
	int by_signal = WIFSIGNALED(status), code = by_signal ? WTERMSIG(status) : WEXITSTATUS(status);
	fprintf(log, "%s %ld %ld %s %d\n", sent ? "sent" : "not-sent", last, changed, by_signal ? "signal" : "exit", code);
	fclose(log);
	return by_signal ? 128 + code : code;
}
