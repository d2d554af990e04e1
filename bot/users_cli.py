"""`ownpace users …`: who may sign in to the dashboard."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from bot.bootstrap import Program
from bot.service import access, second_step, staff, theirs
from bot.terminal import ACTOR, CONFIG, ConfigPath, opened, out

users_app = typer.Typer(help="Who may sign in to the dashboard.", no_args_is_help=True)


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help=", ".join(staff.ROLES))] = "researcher",
    first: Annotated[
        bool, typer.Option("--first", help="Only if nobody can sign in yet; prints a password made for them.")
    ] = False,
    config: ConfigPath = CONFIG,
) -> None:
    """Let somebody sign in. The password is asked for, or read from a pipe."""
    with opened(config) as program:
        there = program.database.read_now(staff.list_users)
        if first and there:
            names = ", ".join(user.name for user in there)
            out.print(
                f"There are users already ({names}), so no first one was made. A new password for somebody: "
                "scripts/ownpace users password NAME",
                markup=False,
            )
            return
        password = secrets.token_urlsafe(12) if first else _new_password()
        program.database.run_now(staff.add_user, name, password, "admin" if first else role)
        if first:
            out.print(f"First sign-in: {name} with the password {password}", markup=False)
            out.print("It is shown only now. Keep it, or make yourself another user: scripts/ownpace users add NAME")
        else:
            out.print(f"{name} can sign in now.", markup=False)


def _new_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


@users_app.command("email")
def users_email(name: str, address: str, config: ConfigPath = CONFIG) -> None:
    """Where somebody is told that a person is needed; name them as the rota does. '' for nowhere."""
    with opened(config) as program:
        program.database.run_now(staff.set_email, name, address)
    out.print("Saved.")


@users_app.command("list")
def users_list(config: ConfigPath = CONFIG) -> None:
    """Everybody who may sign in and who no longer may, whether with a second step, and whether alerts reach them."""
    table = Table("name", "role", "second step", "mail address", "")
    with opened(config) as program:
        for user in program.database.read_now(staff.list_users):
            known = ("yes" if user.two_steps else "no", "yes" if user.told else "no")
            table.add_row(escape(user.name), user.role, *known, "disabled" if user.disabled else "")
    out.print(table)


@users_app.command("role")
def users_role(
    name: str,
    role: Annotated[str, typer.Argument(metavar="ROLE", help=", ".join(staff.ROLES))],
    config: ConfigPath = CONFIG,
) -> None:
    """Change what somebody may do. They are signed out everywhere. The last admin stays one."""
    with opened(config) as program:
        before = program.database.run_now(staff.set_role, name, role)
        user = program.database.read_now(staff.known, name)
        if before == role:
            out.print(f"{user.name} is {access.NAMES[role]} already.", markup=False)
            return
        out.print(f"{user.name} is {access.NAMES[role]} now, and has to sign in again.", markup=False)
        _print_left(program, name)


def _print_left(program: Program, name: str) -> None:
    """What they can no longer see to, for whoever hands it over."""
    for line in program.database.read_now(theirs.left_by, program.terms, name).said():
        out.print(f"- {line}", markup=False)


@users_app.command("disable")
def users_disable(name: str, config: ConfigPath = CONFIG) -> None:
    """Sign somebody out everywhere, until they are enabled again. The last admin stays."""
    with opened(config) as program:
        program.database.run_now(staff.disable_user, name)
        out.print(f"{program.database.read_now(staff.known, name).name} can no longer sign in.", markup=False)
        _print_left(program, name)


@users_app.command("enable")
def users_enable(name: str, config: ConfigPath = CONFIG) -> None:
    """Let somebody who was disabled sign in again, with the password they had."""
    with opened(config) as program:
        program.database.run_now(staff.enable_user, name)
    out.print(f"{name} can sign in again.", markup=False)


@users_app.command("second-step")
def users_second_step(
    name: str,
    remove: Annotated[
        bool, typer.Option("--remove", help="For somebody whose phone and recovery codes are lost. Make sure who asks.")
    ],
    config: ConfigPath = CONFIG,
) -> None:
    """Take the second step of somebody's sign-in away; they can set it up again on their own page."""
    with opened(config) as program:
        user = program.database.read_now(staff.known, name)
        gone = remove and program.database.run_now(second_step.drop, user.name, ACTOR)
        out.print(
            f"{user.name} signs in with the password only." if gone else "There was no second step.", markup=False
        )


@users_app.command("password")
def users_password(name: str, config: ConfigPath = CONFIG) -> None:
    """Give somebody a new password. It is asked for, or read from a pipe; they are signed out everywhere."""
    with opened(config) as program:
        program.database.run_now(staff.set_password, name, _new_password())
    out.print(f"{name} has a new password.", markup=False)
