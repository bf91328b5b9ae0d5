"""The application: its commands, and what becomes of what goes wrong in one."""

from __future__ import annotations

import os
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import erp_telemetry as et
from erp_telemetry.cli import completions, screens
from erp_telemetry.cli.commands.demo import demo
from erp_telemetry.cli.commands.explain import explain
from erp_telemetry.cli.commands.health import health
from erp_telemetry.cli.commands.incidents import incidents
from erp_telemetry.cli.commands.logs import logs
from erp_telemetry.cli.commands.measure import measure
from erp_telemetry.cli.commands.prune import prune
from erp_telemetry.cli.commands.pull import pull
from erp_telemetry.cli.commands.pull_azure import pull_azure
from erp_telemetry.cli.commands.query import query
from erp_telemetry.cli.commands.report import report
from erp_telemetry.cli.commands.score import score
from erp_telemetry.cli.commands.status import status
from erp_telemetry.cli.commands.verify import verify

# Typer names no base of its usage errors, and has its own copy of Click: the parent of BadParameter is it
_UsageError: Any = typer.BadParameter.__base__
_FILLING = ("pull", "pull-azure", "demo")
# what DuckDB says when Ctrl-C stops a statement
_INTERRUPTED = "Query interrupted"
_INTERRUPT_CODE = 130


class _Refusing(TyperGroup):
    """Turns what the library refuses to do, a wrong call and Ctrl-C into one line and an exit code."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        is_bare = not args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except _UsageError as error:
            # without arguments it is no mistake: Typer then shows the help
            if is_bare:
                raise
            raise _misused(error, None) from error

    def invoke(self, ctx: Any) -> Any:
        screens.secrets.begin()
        try:
            with warnings.catch_warnings():
                # the figures of one command may stand on the same lack
                warnings.simplefilter("once", et.ShortfallWarning)
                warnings.showwarning = _warned
                return super().invoke(ctx)
        except _UsageError as error:
            raise _misused(error, ctx.invoked_subcommand) from error
        except et.TelemetryError as error:
            raise _refused(str(error), 1) from error
        except BrokenPipeError:
            # a reader that goes away has seen enough, also of a help text
            screens.screen.on_broken_pipe()
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            raise _refused(what, 1) from error
        except KeyboardInterrupt as error:
            # a pull notes what of it stands
            raise _stopped(ctx, " ".join(getattr(error, "__notes__", ()))) from error
        except RuntimeError as error:
            if _INTERRUPTED not in str(error):
                raise
            raise _stopped(ctx) from error
        finally:
            screens.warn_hidden()


def _warned(message: Warning | str, *_: Any, **__: Any) -> None:
    screens.warn(f"[bold yellow]erp-telemetry:[/] {screens.safe(screens.typed(str(message)))}")


def _refused(what: str, code: int) -> typer.Exit:
    screens.warn(f"[bold red]erp-telemetry:[/] {screens.safe(screens.typed(what))}")
    return typer.Exit(code)


def _misused(error: Any, command: str | None) -> typer.Exit:
    """A wrong call in one line: what is wrong, and where examples are."""
    text = " ".join(error.format_message().split())
    text = text.replace("?.", "?") if text.endswith(("?.", ".", "?")) else f"{text}."
    return _refused(f"{text} Examples: erp-telemetry {f'{command} ' if command else ''}--help", 2)


def _stopped(ctx: Any, told: str = "") -> typer.Exit:
    is_filling = ctx.invoked_subcommand in _FILLING
    screens.warn(screens.safe(told) or ("stopped; what was pulled stays" if is_filling else "stopped"))
    return typer.Exit(_INTERRUPT_CODE)


app = typer.Typer(
    cls=_Refusing, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False,
    help="Telemetry of an ERP in, a scorecard of every KPI beside its objective out.\n\n"
    "Begin with `erp-telemetry demo`. Then `pull` your own exports, `score` them, write a `report`.\n\n"
    "Exit codes: 0 done, 1 refused (one line on stderr says why), 2 a gate was missed or the call was wrong, "
    "130 stopped by Ctrl-C.",
)
for panel, family in {
    "Begin": (demo, pull, pull_azure),
    "Ask": (status, score, health, measure, explain, incidents, logs, query),
    "Hand on": (report,),
    "Keep": (verify, prune),
}.items():
    for command in family:
        app.command(rich_help_panel=panel)(command)


def _say_version(is_wanted: bool) -> None:
    if is_wanted:
        screens.say(f"erp-telemetry {et.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option(
        "--version", help="Say the version and stop.", is_eager=True, callback=_say_version)] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    screens.settle()
    completions.rejoin(os.environ)
    try:
        app()
    finally:
        screens.finish()
