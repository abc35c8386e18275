"""The command line: words to options, results to words and an exit code; a command is loaded when it is called."""

from __future__ import annotations

import gc
import importlib
import sys

import click

from snapshotter import __version__
from snapshotter.cli.exits import run

COMMANDS = {  # name -> (module, what it does in a line)
    "init": ("setup", "Make an archive: a git repository with settings and a README."),
    "add": ("adding", "Copy a ready source file into the archive; alone, list them."),
    "check": ("setup", "Check all files of the archive; asks no API."),
    "try": ("trying", "Ask a stream for a page or two; or ask an address and propose a source file."),
    "new": ("proposing", "Describe an API by answering questions."),
    "record": ("bench", "Keep the answers of a stream in a file, without any secret."),
    "test": ("bench", "Play a recording to a source file, with everything that can go wrong."),
    "fetch": ("fetching", "Download what is new and what is missing."),
    "run": ("routine", "Do everything that is due: the one command for a timer."),
    "schedule": ("scheduling", "Let a timer call `snap run`: cron, systemd, launchd, GitHub."),
    "refresh": ("refreshing", "Ask old days again: what is due, what is likely to have changed."),
    "auth": ("access", "Say yes to an application in a browser, once; its tokens are kept."),
    "trust": ("access", "Show what an archive from elsewhere would do here, and agree to it."),
    "show": ("looking", "Print the document of a day, now or as it was."),
    "log": ("looking", "List the versions of a day, a stream or the archive."),
    "diff": ("comparing", "Tell how two versions of a day differ."),
    "versions": ("comparing", "List the versions of a day, or the days that changed."),
    "import": ("importing", "Bring an old folder, or what a service exported, into history."),
    "query": ("querying", "Ask all records by SQL, now or as they were."),
    "export": ("exporting", "Write records as JSON Lines, CSV, Parquet or SQLite."),
    "status": ("looking", "Say what is there, what is missing, and why."),
    "gaps": ("explaining", "List the days that are lacking, why, and what to do about it."),
    "reconcile": ("reconciling", "Ask again what failed, is missing or looks wrong."),
    "why": ("explaining", "Tell the whole story of one day."),
    "limits": ("access", "Say what is left of every rate limit; asks no API."),
    "report": ("reporting", "Tell everything on one page, for a browser or as text."),
    "runs": ("past", "List past runs; `runs show` tells one, `runs log` step by step."),
    "quarantine": ("looking", "List answers that could not be used; print, retry or drop them."),
    "held": ("holding", "List versions that wait for you; accept or reject one."),
    "push": ("sharing", "Push the archive to its remote; merge what another machine pushed."),
    "pull": ("sharing", "Bring what another machine pushed here."),
    "clone": ("sharing", "Copy an archive from elsewhere onto this machine."),
    "backup": ("backing_up", "Write the whole archive into one file, locked if wanted."),
    "from-backup": ("backing_up", "Make an archive of a backup."),
    "state": ("backing_up", "Move tokens and budgets to a new machine, sealed."),
    "maintain": ("maintaining", "Tidy up the repository, and say how it grows."),
    "notify": ("notifying", "Send a test message to everybody who is told."),
    "verify": ("verifying", "Look for damage, and say what to do about it."),
    "gitview": ("setup", "Let plain git diff and git log -p show documents readably."),
    "rename": ("housekeeping", "Give a source or a stream another name, with all it has."),
    "remove": ("housekeeping", "Take a source or a stream out; history keeps it."),
    "copy": ("copying", "Make a new archive without a stream, a secret or a text."),
    "restore": ("restoring", "Try whether a remote holds all of this archive, whole."),
    "completion": ("completion", "Print the completion script of bash, zsh or fish."),
    "demo": ("demo", "Play a recorded week of earthquakes into an archive."),
}


class FolderType(click.ParamType[str]):
    """A folder; the environment names one, whatever is in its name."""

    name = "folder"

    def split_envvar_value(self, rv: str) -> list[str]:
        """The one folder that the environment names."""
        return [rv]


class Commands(click.Group):
    """Commands that are imported when they are called, so that each pays for what it uses only."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which one meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"snapshotter.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or an error that names the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches  # noqa: PLC0415 - only after a mistake

            near = get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"{error.message.split(' Did you')[0]}{hint}", ctx) from error


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="snap")
@click.option(
    "-C",
    "--archive",
    type=FolderType(),
    metavar="DIR",
    envvar="SNAP_ARCHIVE",
    multiple=True,
    help="The archive; by default the one around the current folder. Also SNAP_ARCHIVE. `run` takes several.",
)
@click.pass_context
def snap(ctx: click.Context, archive: tuple[str, ...]) -> None:
    """Archive JSON APIs day by day into a git repository, and know what is missing.

    \b
    Begin with:
      snap init my-archive && cd my-archive
      snap add usgs-earthquakes      (or, for an API of your own: snap try URL)
      snap fetch
      snap status
    """
    if len(archive) > 1 and ctx.invoked_subcommand != "run":
        raise click.UsageError(f"only `run` takes several archives; you named {', '.join(archive)}", ctx)
    ctx.obj = archive[0] if archive else None


def main(arguments: list[str] | None = None) -> None:
    """Run `snap` and end the process with its exit code."""
    gc.set_threshold(50_000)  # records are kept by the hundred thousand, and hold no cycles
    code = run(snap, arguments)
    if "_duckdb" not in sys.modules:  # its bindings would tell at length what was not freed
        gc.freeze()  # at the end Python looks through all modules for cycles, several times: a tenth of a short command
    sys.exit(code)
