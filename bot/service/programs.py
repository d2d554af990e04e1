"""Files that a computer would run. They are not kept: one click of a researcher's could set them off.

What a mail carried stays in the sealed original, where nothing opens it.
"""

from __future__ import annotations

ENDINGS = frozenset(
    [
        "apk", "app", "bat", "chm", "cmd", "com", "cpl", "deb", "dll", "dmg", "exe", "hta", "iso", "jar", "js", "jse",
        "lnk", "msi", "pif", "pkg", "ps1", "reg", "rpm", "scr", "sh", "vb", "vbe", "vbs", "wsf", "wsh", "xll",
    ]
)  # fmt: skip
TYPES = frozenset(
    [
        "application/java-archive", "application/javascript", "application/vnd.android.package-archive",
        "application/vnd.microsoft.portable-executable", "application/x-bat", "application/x-dosexec",
        "application/x-elf", "application/x-executable", "application/x-iso9660-image", "application/x-mach-binary",
        "application/x-msdos-program", "application/x-msdownload", "application/x-msi", "application/x-ms-shortcut",
        "application/x-sh", "application/x-shellscript", "application/x-sharedlib", "text/javascript",
    ]
)  # fmt: skip
BEGINNINGS = (
    b"MZ",  # Windows
    b"\x7fELF",  # Linux
    b"\xce\xfa\xed\xfe",  # macOS, 32 bits
    b"\xcf\xfa\xed\xfe",  # macOS, 64 bits
    b"\xca\xfe\xba\xbe",  # macOS for two processors, and Java
    b"L\x00\x00\x00\x01\x14\x02\x00",  # a Windows shortcut
    b"#!",  # a script
)
SPEECH = b"#!AMR"
"""How a voice note of a phone begins (RFC 4867, 5.1): it only looks like a script."""


def is_program(content_type: str, name: str, content: bytes) -> bool:
    """Whether its type, the end of its name or its first bytes say that it is one."""
    ending = name.strip(" .").rpartition(".")[2].casefold() if "." in name else ""
    plain_type = content_type.partition(";")[0].strip().casefold()
    runs = content.startswith(BEGINNINGS) and not content.startswith(SPEECH)
    return ending in ENDINGS or plain_type in TYPES or runs
