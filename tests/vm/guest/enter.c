/* What busybox can't do for the scene.
 *
 *   enter as UID COMMAND...      as another user, without groups and capabilities
 *   enter cgroup DIR COMMAND...  as a process of that cgroup, in a cgroup and a mount namespace of its own
 *   enter deny-devices DIR       attaches a program to that version 2 cgroup that denies every device; 0 if a process in
 *                                it can't open /dev/null, and the program is gone again
 *   enter consume DIR            a process of that cgroup uses the processor for a while
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void need(int done, const char *what)
{
	if (!done) {
		perror(what);
		exit(1);
	}
}

static void join(const char *directory)
{
	char path[512];
	snprintf(path, sizeof path, "%s/cgroup.procs", directory);
	int file = open(path, O_WRONLY);
	need(file >= 0 && write(file, "0", 1) == 1, path);
	close(file);
}

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof *attr);
}

static int deny_devices(const char *directory)
{
	/* r0 = 0; exit */
	struct bpf_insn deny[] = { { .code = 0xb7 }, { .code = 0x95 } };
	union bpf_attr load, attach;
	int status;

	memset(&load, 0, sizeof load);
	load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	load.insns = (uintptr_t)deny;
	load.insn_cnt = 2;
	load.license = (uintptr_t)"GPL";
	memset(&attach, 0, sizeof attach);
	attach.attach_type = BPF_CGROUP_DEVICE;
	attach.target_fd = open(directory, O_RDONLY | O_DIRECTORY);
	attach.attach_bpf_fd = bpf(BPF_PROG_LOAD, &load);
	need((int)attach.attach_bpf_fd >= 0, "load the program");
	need(!bpf(BPF_PROG_ATTACH, &attach), "attach the program");
	pid_t child = fork();
	if (child == 0) {
		join(directory);
		_exit(open("/dev/null", O_RDONLY) < 0 && errno == EPERM ? 0 : 1);
	}
	waitpid(child, &status, 0);
	need(!bpf(BPF_PROG_DETACH, &attach), "detach the program");
	return status ? 1 : 0;
}

static int consume(const char *directory)
{
	join(directory);
	while (clock() < CLOCKS_PER_SEC / 10)
		;
	return 0;
}

int main(int count, char **word)
{
	if (count == 3 && !strcmp(word[1], "consume"))
		return consume(word[2]);
	if (count == 3 && !strcmp(word[1], "deny-devices"))
		return deny_devices(word[2]);
	if (count < 4)
		return 2;
	if (!strcmp(word[1], "as")) {
		uid_t user = atoi(word[2]);
		need(!setgroups(0, NULL) && !setresgid(user, user, user) && !setresuid(user, user, user), "setuid");
	} else {
		join(word[2]);
		need(!unshare(CLONE_NEWCGROUP | CLONE_NEWNS), "unshare");
	}
	execvp(word[3], word + 3);
	perror(word[3]);
	return 127;
}
