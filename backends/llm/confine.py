"""What the model's process may not do, asked of the Linux kernel (seccomp).

Covers: native code that reads a downloaded file and is tricked by it cannot start a program, trace another process or
open a connection; it can still read files of this user and use the memory it has. Refusing `sysinfo` has a second use:
without a load average OpenMP's dynamic mode counts only the cores that the process may run on, and so the number of
threads can be changed from outside, between two tokens, without loading the model again.

Standard library only: the worker loads this file by its path.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys

__all__ = ["confine"]

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_REFUSE = 0x00050000 | 1  # fails with EPERM
_LOAD_WORD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4  # offsets in struct seccomp_data

# sysinfo, execve, execveat, ptrace, connect, process_vm_readv, process_vm_writev
_SYSTEM_CALLS = {
    "x86_64": (0xC000003E, (99, 59, 322, 101, 42, 310, 311)),
    "aarch64": (0xC00000B7, (179, 221, 281, 117, 203, 270, 271)),
}


def confine() -> bool:
    """Confine this thread and every thread it starts from now on. False where the kernel or the C library cannot."""
    if sys.platform != "linux" or platform.machine() not in _SYSTEM_CALLS:
        return False
    architecture, refused = _SYSTEM_CALLS[platform.machine()]
    program = ctypes.create_string_buffer(_program(architecture, refused))
    count = (len(program) - 1) // 8
    header = struct.pack("@HP", count, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.c_char_p(header), 0, 0) != 0:
        return False
    try:
        os.getloadavg()
    except OSError:
        return True
    return False  # this C library asks for the load in another way


def _program(architecture: int, refused: tuple[int, ...]) -> bytes:
    """A filter: allow all of a foreign architecture's numbering, refuse the listed calls, allow the rest."""
    steps = [(_LOAD_WORD, 0, 0, _ARCHITECTURE_AT), (_JUMP_IF_EQUAL, 0, len(refused) + 1, architecture)]
    steps.append((_LOAD_WORD, 0, 0, _NUMBER_AT))
    steps += [(_JUMP_IF_EQUAL, len(refused) - at, 0, number) for at, number in enumerate(refused)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
