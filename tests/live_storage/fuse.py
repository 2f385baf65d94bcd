"""Mounts a FUSE file system at the given place and answers none of its requests, until its parent ends."""

import ctypes
import os
import signal
import sys

libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
parent = os.getppid()
libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != parent:
    sys.exit(1)
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()}"
if libc.mount(b"hang", sys.argv[1].encode(), b"fuse.hang", 0, options.encode()) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
signal.alarm(60)
signal.pause()
