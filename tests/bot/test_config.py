from __future__ import annotations

from datetime import date, time, timedelta
from pathlib import Path

import pytest

from bot.bootstrap import StudySettings, load_settings, settle_on
from bot.config import QuietHours, Settings
from bot.errors import ConfigError
from channels import CHANNELS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
SMS = '[channels.sms]\naccount_sid = "AC1"\nauth_token = "very secret"\nfrom = "+447700900000"\n'


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.upper().startswith("OWNPACE_"):
            monkeypatch.delenv(name)


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path)


def problem(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings.study.timezone == "Europe/London"
    assert settings.server.port == 8000
    assert settle_on(settings.pace, "sms") == timedelta(minutes=20)
    assert settings.pace.reminders == (timedelta(days=4), timedelta(days=10))
    assert settings.pace.quiet_hours == QuietHours(time(20), time(9))
    assert settings.retention.cutoff == 180
    assert settings.channels.sms is None
    assert settings.channels.simulator is None


def test_the_example_is_valid_and_switches_the_simulator_on(tmp_path: Path) -> None:
    settings = loaded(tmp_path, EXAMPLE.read_text(encoding="utf-8"))
    assert settings.channels.simulator.enabled
    assert settings.pace.model_copy(update={"settle": {}}) == StudySettings().pace
    assert {kind: settle_on(settings.pace, kind) for kind in CHANNELS} == {
        kind: one.settle for kind, one in CHANNELS.items()
    }


def test_the_examples_sms_lines_are_valid_once_switched_on(tmp_path: Path) -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    first = lines.index("# [channels.sms]")
    last = next(i for i, line in enumerate(lines) if line.startswith("# reconcile_after"))
    switched_on = "\n".join(line.removeprefix("# ") for line in lines[first : last + 1])
    assert loaded(tmp_path, switched_on).channels.sms is not None


def test_relative_paths_are_counted_from_the_files_folder(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[study]\nprompts = "p"\n[security]\nkey_file = "/keys/k"')
    assert settings.study.prompts == tmp_path / "p"
    assert settings.security.key_file == Path("/keys/k")
    assert settings.database.url == f"sqlite:///{tmp_path}/data/ownpace.db"


@pytest.mark.parametrize("url", ["postgresql://u:p@h:5432/d", "postgresql://u@/d?host=/run/postgresql"])
def test_a_database_that_several_processes_share(tmp_path: Path, url: str) -> None:
    database = loaded(tmp_path, f'[database]\nurl = "{url}"\npool_size = 9\nstatement_timeout = "10s"').database
    assert (database.url, database.shared) == (url, True)
    assert (database.pool_size, database.statement_timeout) == (9, timedelta(seconds=10))
    assert not loaded(tmp_path, "").database.shared


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@h", "postgresql+asyncpg://u:p@h/d", "postgres://u:p@h/d", "postgresql://u:p@h:port/d"]
)
def test_what_is_wrong_with_a_database_is_said_without_its_password(tmp_path: Path, url: str) -> None:
    said = problem(tmp_path, f'[database]\nurl = "{url}"')
    assert '"postgresql://user:password@host/database"' in said
    assert "u:p" not in said


def test_an_absolute_database_stays_where_it_is(tmp_path: Path) -> None:
    url = "sqlite:////var/x.db"
    assert loaded(tmp_path, f'[database]\nurl = "{url}"').database.url == url


@pytest.mark.parametrize(
    "url",
    ["sqlite+aiosqlite:///data/x.db", "sqlite://x", "sqlite://", "sqlite:///", "sqlite:///:memory:", "mysql://h/d"],
)
def test_a_database_that_cannot_be_used_is_named_with_its_line(tmp_path: Path, url: str) -> None:
    assert 'must be "sqlite:///" and the path of a file' in problem(tmp_path, f'[database]\nurl = "{url}"')


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNPACE_SERVER__PORT", "9000")
    monkeypatch.setenv("OWNPACE_CHANNELS__SMS__AUTH_TOKEN", "from outside")
    monkeypatch.setenv("OWNPACE_PACE__SETTLE", "5m")
    monkeypatch.setenv("OWNPACE_PACE__REMINDERS", "1d, 2d")
    monkeypatch.setenv("OWNPACE_PACE__QUIET_HOURS", "0")
    monkeypatch.setenv("OWNPACE_RETENTION__CUTOFF", "2027-03-31")
    settings = loaded(tmp_path, SMS + '[server]\nport = 1\nhost = "h"')
    assert (settings.server.port, settings.server.host) == (9000, "h")
    assert settings.channels.sms is not None
    assert settings.channels.sms.auth_token.get_secret_value() == "from outside"
    assert settings.channels.sms.sender == "+447700900000"
    assert settle_on(settings.pace, "simulator") == timedelta(minutes=5)
    assert settings.pace.reminders == (timedelta(days=1), timedelta(days=2))
    assert settings.pace.quiet_hours is None
    assert settings.retention.cutoff == date(2027, 3, 31)


def test_a_problem_in_the_environment_names_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNPACE_SERVER__PORT", "many")
    assert problem(tmp_path, "[server]\nport = 1") == (
        "the environment variable OWNPACE_SERVER__PORT: port in [server] must be a whole number."
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [("0", 0), ("45", 45), ('"30s"', 30), ('"20m"', 1200), ('"4h"', 14400), ('"10d"', 864000)],
)
def test_durations(tmp_path: Path, written: str, meant: int) -> None:
    assert loaded(tmp_path, f"[pace]\nreview = {written}").pace.review == timedelta(seconds=meant)


def test_a_table_sets_one_channel_and_leaves_the_others(tmp_path: Path) -> None:
    settings = loaded(tmp_path, '[pace]\nsettle = { sms = "1m" }')
    assert settle_on(settings.pace, "sms") == timedelta(minutes=1)
    assert settle_on(settings.pace, "simulator") == timedelta(seconds=8)


def test_a_cohort_has_its_own_settings_over_the_studys(tmp_path: Path) -> None:
    study = '[pace]\nsettle = { sms = "1m", email = "1h" }\ncaps = 2\n'
    pace = loaded(tmp_path, f'{study}[pace.cohorts.a]\nsettle = {{ sms = "3m" }}\nreview = "manual"').pace
    assert pace.of("b").settle == {"sms": timedelta(minutes=1), "email": timedelta(hours=1)}
    assert pace.of("a").settle == {"sms": timedelta(minutes=3), "email": timedelta(hours=1)}
    assert (pace.of("a").review, pace.of("b").review, pace.of("a").caps) == ("manual", timedelta(), 2)
    all_alike = loaded(tmp_path, f'{study}[pace.cohorts.a]\nsettle = "9m"').pace.of("a")
    assert {settle_on(all_alike, kind) for kind in CHANNELS} == {timedelta(minutes=9)}


def test_a_settle_time_for_a_channel_there_is_not_is_named(tmp_path: Path) -> None:
    said = problem(tmp_path, '[pace]\nsettle = { smss = "1m" }')
    assert said == "config.toml:2: smss in [pace.settle] is not known here; did you mean sms."


def test_nothing_can_be_asked_for(tmp_path: Path) -> None:
    pace = loaded(tmp_path, '[pace]\nreview = "manual"\nreminders = []\nquiet_hours = 0\ncaps = 0').pace
    assert (pace.review, pace.reminders, pace.quiet_hours, pace.caps) == ("manual", (), None, 0)
    assert loaded(tmp_path, "[pace]\nreminders = 0").pace.reminders == ()


def test_a_cutoff_may_be_a_date(tmp_path: Path) -> None:
    assert loaded(tmp_path, "[retention]\ncutoff = 2027-03-31").retention.cutoff == date(2027, 3, 31)


@pytest.mark.parametrize(("moment", "quiet"), [(time(20), True), (time(3), True), (time(9), False)])
def test_quiet_hours_reach_over_midnight(moment: time, quiet: bool) -> None:
    assert QuietHours(time(20), time(9)).covers(moment) is quiet


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[study]\n\nnaem = "x"', "config.toml:3: naem in [study] is not known here; did you mean name."),
        ("[sever]\nport = 1", "config.toml:1: [sever] is not known here; did you mean server."),
        ("[server]\nport = 70000", "config.toml:2: port in [server] must be 65535 or less."),
        ('[study]\nname = "123456789012345678901"', "config.toml:2: name in [study] is too long: use at most 20"),
        ('[study]\ntimezone = "Mars"', "config.toml:2: timezone in [study] is not a time zone"),
        ("[pace]\nsettle = { sms = 'x' }", "config.toml:2: sms in [pace.settle] is not a length of time"),
        ("[pace]\nsettle = true", "config.toml:2: settle in [pace] is not a length of time"),
        ('[pace]\nquiet_hours = "8pm"', "config.toml:2: quiet_hours in [pace] must be two times of day"),
        ('[pace]\nreminders = ["9d", "4d"]', "config.toml:2: reminders in [pace] must rise"),
        ("[pace]\nreminders = [4, 10]", 'reminders in [pace] must say days or hours, as in ["4d", "10d"]'),
        ('[pace]\nreminders = "4"', "reminders in [pace] must say days or hours"),
        ('[pace]\nreview = "auto"', "config.toml:2: review in [pace] is not a length of time"),
        ("[pace.cohorts.a]\ncap = 1", "config.toml:2: cap in [pace.cohorts.a] is not known here; did you mean caps"),
        ("[pace.cohorts.a]\nsettle = { smss = 0 }", "smss in [pace.cohorts.a.settle] is not known here"),
        ("[pace.cohorts.a]\ncaps = -1", "config.toml:2: caps in [pace.cohorts.a] must be 0 or more"),
        ("[retention]\ncutoff = 0", "config.toml:2: cutoff in [retention] must be a date"),
        ('[database]\nurl = "mysql://x"', 'config.toml:2: url in [database] must be "sqlite:///"'),
        ('[server]\npublic_base_url = "x"', "config.toml:2: public_base_url in [server] must be a web address"),
        ("server = 1", "config.toml:1: [server] must be a section: write [server] on a line"),
        ("[channels.sms]\nfrom = '+44'\naccount_sid = 'A'", "auth_token in [channels.sms] is missing: add it."),
        (SMS + "api_key_sid = 'SK'", "config.toml:1: [channels.sms] has one half of an API key"),
        (SMS.replace("from", "form"), "config.toml:4: form in [channels.sms] is not known here; did you mean from"),
        ('[channels.sms]\naccount_sid = "AC1"\nauth_token = "t"', "[channels.sms] has no sender: add from"),
        ('[pace]\nquiet_hours = "09:01-09:00"', "config.toml:2: quiet_hours in [pace] leaves 1 minute"),
        ('[pace]\nquiet_hours = "09:30-09:00"', "config.toml:2: quiet_hours in [pace] leaves 30 minutes"),
        ('[study]\ncontact_phone = "ask Ann"', "config.toml:2: contact_phone in [study] must be a number to ring"),
        ('[study]\ncontact_phone = "12"', "config.toml:2: contact_phone in [study] must be a number to ring"),
        ('[study]\nprompts = ""', "config.toml:2: prompts in [study] is empty"),
        ('[security]\nkey_file = " "', "config.toml:2: key_file in [security] is empty"),
        ('[retention]\nstudy_ends = "soon"', "config.toml:2: study_ends in [retention] must be a date such as 2027-"),
        ('[study]\nname = " "', "config.toml:2: name in [study] is empty"),
        ('[study]\nresearcher = " "', "config.toml:2: researcher in [study] is empty"),
        ('[server]\nhost = "http://a.example"', "config.toml:2: host in [server] must be the name of a machine alone"),
        ('[server]\npublic_base_url = "http://:80"', "public_base_url in [server] must be a web address"),
        ('[server]\npublic_base_url = "http://localhost:80800"', "public_base_url in [server] must be a web address"),
        ('[channels.email]\nsmtp_host = "a:587"', "config.toml:2: smtp_host in [channels.email] must be the name"),
        ('[channels.email]\nimap_host = "a b"', "config.toml:2: imap_host in [channels.email] must be the name"),
        (SMS.replace("AC1", "SK1"), "config.toml:2: account_sid in [channels.sms] must be one of the Twilio"),
        (SMS.replace("+447700900000", "ask Ann"), "from in [channels.sms] must be a number that people can answer"),
        (SMS + 'messaging_service_sid = "AC1"', "config.toml:5: messaging_service_sid in [channels.sms] must be one"),
        (SMS + 'api_key_sid = "AC1"\napi_key_secret = "x"', "config.toml:5: api_key_sid in [channels.sms] must be one"),
    ],
)  # fmt: skip
def test_a_problem_names_the_line_the_key_and_the_mend(tmp_path: Path, text: str, said: str) -> None:
    assert said in problem(tmp_path, text)


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    said = problem(tmp_path, "[server]\nport = 0\nworkers = 0\n[pace]\ncaps = -1").splitlines()
    assert [line.split(": ")[0] for line in said] == ["config.toml:2", "config.toml:3", "config.toml:5"]


def test_a_slip_of_toml_names_its_line(tmp_path: Path) -> None:
    assert problem(tmp_path, "[study]\nname = x").startswith("config.toml:2: is not TOML: Invalid value.")


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file\. Copy config\.example\.toml"):
        load_settings(tmp_path / "config.toml")


def test_a_secret_shows_neither_in_the_settings_nor_in_a_problem(tmp_path: Path) -> None:
    assert "very secret" not in repr(loaded(tmp_path, SMS))
    assert "very secret" not in problem(tmp_path, SMS + "port = 1")


def test_a_worker_listens_nowhere_unless_a_port_is_set_and_then_on_its_own_machine_only(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").server.worker_port is None
    server = loaded(tmp_path, "[server]\nworker_port = 8001").server
    assert (server.worker_host, server.worker_port) == ("127.0.0.1", 8001)
    wrong = problem(tmp_path, '[server]\nworker_port = "near 8001"')
    assert wrong == "config.toml:2: worker_port in [server] must be a whole number."


def test_a_slip_in_the_environment_that_would_set_nothing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OWNPACE_SECURTY__TWO_STEP", "required")
    said = problem(tmp_path, "")
    assert (
        said
        == "the environment variable OWNPACE_SECURTY__TWO_STEP: [securty] is not known here; did you mean security."
    )
