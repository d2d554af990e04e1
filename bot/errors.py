"""Every exception of Own Pace.

OwnPaceError
├── ConfigError            config.toml or the environment is wrong: exit code 2
├── ScheduleError          a file in prompts/ is wrong: exit code 2
├── KeyFileError           the study key is missing, readable by others, or not this database's
├── EnrolmentError         a row cannot be enrolled: exit code 2
├── WrongUse               a command was given something that it cannot use: exit code 2
├── NoStudyYet             there is no database where the settings say
├── DoneAlready            a form came again after its work was done: nothing is done twice
├── ExportError            nothing was written: the place is taken, or a text names somebody
├── Unreadable             a genuine delivery that cannot be understood: stored, and a task for a person
├── Forged                 a delivery that is not the provider's: 403, stored nowhere
├── AddressError           what somebody wrote is no address of this channel
├── LeaseLost              another process does this part now: stop
├── Unavailable            a provider cannot be asked now, or does not know us: try again later
└── SendError              a message was handed to a provider and there is no receipt
    ├── NotSent            it did not leave: try again later
    ├── Refused            the provider will not take it: stop, and a task for a person
    └── SendUnknown        nobody knows whether it left: never retried blindly
"""

from __future__ import annotations

from datetime import timedelta


class OwnPaceError(Exception):
    """Something went wrong that a person can mend; the message says what, where and how."""


class ConfigError(OwnPaceError):
    """The configuration names a key that is missing, unknown or has a value that cannot be used."""


class ScheduleError(OwnPaceError):
    """A schedule or stock text in prompts/ cannot be used."""


class KeyFileError(OwnPaceError):
    """The study key cannot be used: missing, readable by others, damaged, or another database's."""


class EnrolmentError(OwnPaceError):
    """A person cannot be enrolled as the row stands."""


class ExportError(OwnPaceError):
    """An export was stopped before anything was written."""


class WrongUse(OwnPaceError):
    """A command was given something that it cannot use; the message says what it takes."""


class NoStudyYet(OwnPaceError):
    """There is no study here yet. Run: scripts/ownpace migrate; where a restore was interrupted, run restore again."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class DoneAlready(OwnPaceError):
    """This form came twice. It was done the first time, and not again: load the page to see what came of it."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class Unreadable(OwnPaceError):
    """A genuine delivery could not be understood; its raw form is kept for a person to read.

    `kind`: the channel it is for, where several share an address and it is not the one that read it.
    """

    def __init__(self, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class Forged(OwnPaceError):
    """A delivery does not carry the provider's signature; nothing of it is stored."""


class AddressError(OwnPaceError):
    """What was written is not an address on this channel; the message says what one looks like."""


class Unavailable(OwnPaceError):
    """A provider could not be asked: it was out of reach, or did not accept who we are."""


class LeaseLost(OwnPaceError):
    """Another process does this part now; what this one was about to store was not stored."""


class SendError(OwnPaceError):
    """A send ended without a receipt. `code` is the provider's own error code, where it gave one."""

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class NotSent(SendError):
    """The message did not leave; it may be tried again, after `retry_after` where the provider said so."""

    def __init__(self, message: str, *, code: str | None = None, retry_after: timedelta | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after


class Refused(SendError):
    """The provider will not take the message.

    `opted_out`: the person blocked us, which is never fought. `closed`: this address takes nothing any more, though
    the person has not said no; another way is needed. `outside_window`: they must write first, or an approved text go.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        opted_out: bool = False,
        closed: bool = False,
        outside_window: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.opted_out = opted_out
        self.closed = closed
        self.outside_window = outside_window


class SendUnknown(SendError):
    """The request left and no answer came: the message may or may not have been delivered."""


def place(error: BaseException) -> str:
    """The kind of error and where it was raised: its own words could be a participant's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_qualname}:{trace.tb_lineno}" if trace else "nowhere"
    return f"{type(error).__name__} in {where}"
