/* The cgroup masks of the running kernel, out of its memory: addresses from /proc/kallsyms, contents from /proc/kcore.
 *
 * This shares no code and no source with preflight, so that it can contradict it. It prints
 *   implicit MASK, inhibit MASK    cgrp_dfl_implicit_ss_mask and cgrp_dfl_inhibit_ss_mask
 *   attached MASK                  cgrp_dfl_root.subsys_mask: what is on the version 2 hierarchy
 *   subsystem ID NAME              cgroup_subsys_name[], for each that is compiled in
 * and ends with 1 and a line on standard error if any of it can't be read (kernel/cgroup/cgroup.c, Linux 5.10 to 7.3).
 */
#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	exit(1);
}

enum { IMPLICIT, INHIBIT, ROOT, NAMES, SYMBOLS };
static const char *const symbols[SYMBOLS] = {
	"cgrp_dfl_implicit_ss_mask", "cgrp_dfl_inhibit_ss_mask", "cgrp_dfl_root", "cgroup_subsys_name",
};
static uint64_t addresses[SYMBOLS];

/* Finds the addresses, and returns how many subsystems there are: each has a variable NAME_cgrp_subsys. */
static int read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], name[256], suffix[] = "_cgrp_subsys", type;
	unsigned long long address;
	int subsystems = 0;

	if (!f)
		die("/proc/kallsyms");
	while (fgets(line, sizeof line, f)) {
		/* The first test is for speed: there are some 150,000 lines, and this runs under emulation. */
		if (!strstr(line, "cgr") || strchr(line, '[') || sscanf(line, "%llx %c %255s", &address, &type, name) != 3)
			continue;
		for (int i = 0; i < SYMBOLS; i++)
			if (!strcmp(name, symbols[i]))
				addresses[i] = address;
		size_t length = strlen(name);
		if (length > strlen(suffix) && !strcmp(name + length - strlen(suffix), suffix) && strncmp(name, "__", 2))
			subsystems++;
	}
	fclose(f);
	for (int i = 0; i < SYMBOLS; i++)
		if (!addresses[i]) {
			fprintf(stderr, "masks: no address for %s\n", symbols[i]);
			exit(1);
		}
	return subsystems;
}

static void read_memory(uint64_t address, void *to, size_t size)
{
	static int kcore = -1;
	static Elf64_Ehdr header;
	Elf64_Phdr part;

	if (kcore < 0 && ((kcore = open("/proc/kcore", O_RDONLY)) < 0 || pread(kcore, &header, sizeof header, 0) != sizeof header))
		die("/proc/kcore");
	for (int i = 0; i < header.e_phnum; i++) {
		if (pread(kcore, &part, sizeof part, header.e_phoff + i * sizeof part) != sizeof part)
			die("/proc/kcore");
		if (part.p_type != PT_LOAD || address < part.p_vaddr || address + size > part.p_vaddr + part.p_filesz)
			continue;
		if (pread(kcore, to, size, part.p_offset + (address - part.p_vaddr)) != (ssize_t)size)
			die("/proc/kcore");
		return;
	}
	fprintf(stderr, "masks: %#llx is not in /proc/kcore\n", (unsigned long long)address);
	exit(1);
}

int main(void)
{
	int subsystems = read_symbols();
	uint16_t implicit, inhibit;
	uint32_t attached;

	/* u16 up to Linux 6.19 and u32 from 7.0 on: the lower 16 bits are the same as long as there are no more. */
	if (subsystems < 1 || subsystems > 16) {
		fprintf(stderr, "masks: %d subsystems\n", subsystems);
		return 1;
	}
	read_memory(addresses[IMPLICIT], &implicit, sizeof implicit);
	read_memory(addresses[INHIBIT], &inhibit, sizeof inhibit);
	/* struct cgroup_root begins with a pointer and `unsigned int subsys_mask`. */
	read_memory(addresses[ROOT] + 8, &attached, sizeof attached);
	printf("implicit %#x\ninhibit %#x\nattached %#x\n", implicit, inhibit, attached);
	for (int id = 0; id < subsystems; id++) {
		uint64_t pointer;
		char name[32] = "";
		read_memory(addresses[NAMES] + 8 * id, &pointer, sizeof pointer);
		read_memory(pointer, name, sizeof name - 1);
		printf("subsystem %d %s\n", id, name);
	}
	return 0;
}
